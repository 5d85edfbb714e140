"""Signing in with a token, signing out, and what somebody who is signed in may know of themselves."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.accounts import AccessService, TokenService
from marketplace.accounts.errors import CredentialsError
from marketplace.accounts.tokens import Token
from marketplace.http.body import FilledForm, read_filled_form
from marketplace.http.credentials import Guesses, cookies_of, form_key, verify_form, verify_own_page
from marketplace.http.errors import HttpError
from marketplace.http.parameters import read_body_form, read_query
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from validators.errors import printable

from .admin.asking import SCOPES
from .rendering import base_path, page

#: Where somebody may be sent back to: a path of this site. Browsers read ``//host`` and ``/\\host`` as
#: another one.
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9/._~%@:+?&=,;!*()-]{0,1000}")


@view_config(route_name="web.login", request_method="GET", permission="session:open")
def login_form(request: Request) -> Response:
    """A page that asks for a token; whoever is signed in already gets to their account."""
    wanted = wanted_path(request, read_query(request).get("next"))
    if principal_of(request).name is not None:
        return see_other(request, wanted)
    return login_page(request, wanted, 200, None)


@view_config(route_name="web.login", request_method="POST", permission="session:open")
def login(request: Request) -> Response:
    """Prove a token and begin a session, always with a new cookie."""
    verify_own_page(request)
    _verify_address(request)
    form = read_body_form(request)
    cookies = cookies_of(request)
    verify_form(cookies.form.find(request), form.get("key"))
    wanted = wanted_path(request, form.get("next"))
    guesses = Guesses(request)
    guesses.verify_few()
    try:
        cookie = _access(request).sign_in(form.get("token", "").strip(), cookies.session.find(request))
    except CredentialsError as error:
        guesses.count()
        return login_page(request, wanted, 401, str(error))
    response = see_other(request, wanted)
    lifetime = request.registry[Runtime].settings.session.lifetime
    response.headerlist += [cookies.session.written(cookie, lifetime), cookies.form.removed()]
    return response


@view_config(route_name="web.logout", request_method="POST", permission="account:read")
def logout(request: Request) -> Response:
    """End the session, here and in the browser."""
    own_form(request)
    _access(request).sign_out(cookies_of(request).session.find(request) or "")
    response = see_other(request, f"{base_path(request)}/")
    response.headerlist.append(cookies_of(request).session.removed())
    return response


@view_config(route_name="web.account", request_method="GET", permission="account:read")
def account(request: Request) -> Response:
    """Who one is here: name, groups, what the token may be used for, and every token one has."""
    principal = principal_of(request)
    runtime: Runtime = request.registry[Runtime]
    now = runtime.now()
    with runtime.database.read() as session:
        tokens = TokenService(session).list(principal.name)
    values = {
        "principal": principal,
        "scopes": sorted(principal.scopes),
        "permissions": [(one.value, words) for one, words in SCOPES.items() if one in principal.scopes],
        "groups": sorted(principal.groups),
        "provider": None if runtime.sign_in is None else runtime.sign_in.title,
        "tokens": [TokenLine.of(token, now) for token in tokens],
        "key": session_key(request),
    }
    return unstored(page(request, "account", values))


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A token as a row of a table."""

    token: Token
    scopes: str
    status: str

    @classmethod
    def of(cls, token: Token, now: datetime) -> TokenLine:
        """What to show of a token at some time."""
        return cls(token, ", ".join(sorted(token.scopes)), token.status(now))


def _verify_address(request: Request) -> None:
    """Check that the form stood on a page of the address that the session will be for.

    Raises:
        HttpError: 403; the browser names another one, to which it would send the cookie and never here.
    """
    origin, given = cookies_of(request).origin, request.environ.get("HTTP_ORIGIN")
    if given is not None and given not in (origin, "null"):
        raise HttpError(
            403,
            "session.address",
            f"this page was opened at {printable(given)}, and sessions are for {origin}: "
            f"sign in at {request.registry[Runtime].settings.site.url}/login",
        )


def own_form(request: Request) -> Mapping[str, str]:
    """The fields of a form that was made for the very session of who sends it.

    Raises:
        HttpError: 403; it was made for another one, or by another site.
    """
    verify_own_page(request)
    form = read_body_form(request)
    verify_form(cookies_of(request).session.find(request), form.get("key"))
    return form


def own_filled_form(request: Request, max_bytes: int) -> FilledForm:
    """A form with a file that was made for the very session of who sends it.

    Args:
        max_bytes: largest file taken.

    Raises:
        HttpError: 403; it was made for another one, or by another site. Or what ``read_filled_form`` raises.
    """
    verify_own_page(request)
    form = read_filled_form(request, max_bytes)
    verify_form(cookies_of(request).session.find(request), form.fields.get("key"))
    return form


def session_key(request: Request) -> str | None:
    """What forms for the session of a request carry; None where there is none.

    Who sends the token itself with each request has no session to end, and no form to fill in.
    """
    cookie = cookies_of(request).session.find(request)
    return None if cookie is None else form_key(cookie)


def login_page(request: Request, wanted: str, status: int, problem: str | None, code: str = "") -> Response:
    """The sign-in page, with why somebody was not signed in.

    Args:
        code: the rule that says so.
    """
    cookies = cookies_of(request)
    cookie = cookies.form.find(request) or secrets.token_urlsafe(32)
    values = {
        "next": wanted,
        "key": form_key(cookie),
        "problem": problem,
        "code": code,
        "provider": _provider_link(request, wanted, cookie),
    }
    response = unstored(page(request, "login", values, status))
    response.headerlist.append(cookies.form.written(cookie))
    if status == 401:
        response.headerlist.append(("WWW-Authenticate", 'Bearer realm="marketplace"'))
    return response


def _provider_link(request: Request, wanted: str, cookie: str) -> dict[str, str] | None:
    """What the sign-in page shows of the provider; None where there is none.

    Args:
        cookie: of the sign-in form.
    """
    service = request.registry[Runtime].sign_in
    if service is None:
        return None
    problem = service.problem
    return {
        "title": service.title,
        "key": form_key(cookie),
        "next": wanted,
        "problem": "" if problem is None else str(problem),
    }


def wanted_path(request: Request, path: str | None) -> str:
    """Where to go after signing in."""
    if path is not None and _PATH.fullmatch(path):
        return path
    return f"{base_path(request)}/account"


def see_other(request: Request, path: str) -> Response:
    """Lead a browser on to a path of this site."""
    location = cookies_of(request).origin + path
    return Response(status=303, headerlist=[("Location", location), ("Cache-Control", "no-store")])


def unstored(response: Response) -> Response:
    """Nothing of it is kept, not even for the browser's way back: forms here are for one moment."""
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("ETag", None)
    return response


def _access(request: Request) -> AccessService:
    access: AccessService = request.registry[Runtime].access
    return access
