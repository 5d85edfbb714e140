"""Principals and permissions: what guards every view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED, Allowed, Denied

from marketplace.access.permissions import PERMISSIONS, is_permitted
from marketplace.access.principal import Principal
from marketplace.accounts import AccessService
from marketplace.accounts.errors import CredentialsError
from marketplace.peers.registry.assertions import UnprovenAssertionError, looks_like_assertion
from marketplace.peers.registry.identification import PeerIdentification
from marketplace.runtime import Runtime

from .credentials import Guesses, find_secret, find_session, limit_token, unauthorized
from .errors import NotFoundError
from .problems import error_response

#: Where a request keeps its principal, once it is known.
_KNOWN = "marketplace.principal"


def principal_of(request: Request) -> Principal:
    """The principal of a request. The one place that knows.

    Raises:
        HttpError: 401 for credentials that prove nothing, 403 for a cookie that another site's page used,
            429 for a token that is used, or an address that guesses, too often.
        SQLAlchemyError: the database does not tell.
    """
    known: Principal | None = request.environ.get(_KNOWN)
    if known is None:
        known = request.environ[_KNOWN] = _find(request, request.registry[Runtime].access)
    return known


def found_principal(environ: Mapping[str, Any]) -> Principal | None:
    """Who is asking, if that was found out already; never fails, so error pages may ask."""
    known: Principal | None = environ.get(_KNOWN)
    return known


def _find(request: Request, access: AccessService) -> Principal:
    secret = find_secret(request)
    if secret is not None:
        principal = _prove(request, secret, access)
    elif (cookie := find_session(request)) is not None:
        try:
            principal = access.principal_of_session(cookie)
        except CredentialsError:
            # The browser goes on sending it: whoever signed in long ago may still read what everybody may.
            return access.anonymous
    else:
        return access.anonymous
    limit_token(request, principal.token or principal.name or "")
    return principal


def _prove(request: Request, secret: str, access: AccessService) -> Principal:
    guesses = Guesses(request)
    guesses.verify_few()
    try:
        if looks_like_assertion(secret):
            identification: PeerIdentification = request.registry[Runtime].identification
            return identification.principal_of(secret)
        return access.principal_of_token(secret)
    except (CredentialsError, UnprovenAssertionError) as error:
        guesses.count()
        raise unauthorized(request, error.code, str(error)) from None


class SecurityPolicy:
    """Pyramid's security policy over the permission map (see ``ISecurityPolicy``)."""

    def identity(self, request: Request) -> Principal:
        """The principal of a request."""
        return principal_of(request)

    def authenticated_userid(self, request: Request) -> str | None:
        """The principal's name; None for anonymous readers."""
        return principal_of(request).name

    def permits(self, request: Request, context: Any, permission: str) -> Allowed | Denied:
        """Whether the principal of a request has a permission."""
        if is_permitted(permission, principal_of(request)):
            return Allowed("permitted")
        return Denied("not permitted")

    def remember(self, request: Request, userid: str, **kw: Any) -> list[tuple[str, str]]:
        """Nothing: ``sessions`` signs people in."""
        return []

    def forget(self, request: Request, **kw: Any) -> list[tuple[str, str]]:
        """Nothing: ``sessions`` signs people out."""
        return []


def absent() -> NotFoundError:
    """What is there for nobody, or not for this principal: the two look alike."""
    return NotFoundError("path.unknown", "page not found")


def forbidden(request: Request) -> Response:
    """A permission is missing: whoever shows nothing is asked to, for all others nothing is here."""
    if principal_of(request).name is None:
        return error_response(
            request, unauthorized(request, "credentials.missing", "please sign in, or send a token")
        )
    return error_response(request, absent())


def require_permission(view: Callable[..., Any], info: Any) -> Callable[..., Any]:
    """View deriver that changes nothing and stops the start where a view names no known permission."""
    permission = info.options.get("permission")
    if permission not in PERMISSIONS and permission != NO_PERMISSION_REQUIRED:
        name = getattr(info.original_view, "__qualname__", info.original_view)
        raise ConfigurationError(f"view {name} declares no permission of the map (found {permission!r})")
    return view


def includeme(config: Configurator) -> None:
    """Install the policy, and the check that every view declares its permission."""
    config.set_security_policy(SecurityPolicy())
    config.add_view_deriver(require_permission, name="require_permission")
    config.add_forbidden_view(forbidden)
