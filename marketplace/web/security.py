"""Principals, permissions and headers: what guards every view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED, Allowed, Denied

from marketplace.access.permissions import PERMISSIONS, is_permitted
from marketplace.access.principal import ANONYMOUS, Principal


def principal_of(request: Request) -> Principal:
    """Who is asking. The one place that knows; everybody is anonymous where no credentials are taken."""
    return ANONYMOUS


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
        """No session is kept, so there is nothing to send."""
        return []

    def forget(self, request: Request, **kw: Any) -> list[tuple[str, str]]:
        """No session is kept, so there is nothing to end."""
        return []


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
