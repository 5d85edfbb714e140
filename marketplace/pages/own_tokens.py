"""Tokens of one's own: a person makes them, sees them once, and revokes them."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.accounts import TokenService
from marketplace.accounts.errors import InvalidValueError, TokenNotFoundError
from marketplace.accounts.tokens import MOST_OWN_DAYS, OWN_DAYS, own_scopes
from marketplace.http.security import absent, principal_of
from marketplace.runtime import Runtime

from .admin.asking import (
    Act,
    ActError,
    ActField,
    Acting,
    Given,
    Secret,
    number_of,
    scope_choices,
    scopes_of,
    text_of,
)
from .rendering import base_path, page
from .sessions import own_form, see_other, session_key, unstored


def _revoke(acting: Acting, given: Given) -> None:
    with acting.database.write() as session:
        TokenService(session).revoke(text_of(given, "name", "Token"), by=acting.actor, at=acting.now)


def _unreachable(acting: Acting, given: Given) -> Secret | None:
    raise AssertionError("unreachable: what one may give to a token is the principal's, which the view knows")


MAKE = Act(
    "account",
    "tokens",
    "Create a token",
    "For programs that act for you: the command line, scripts, CI. The token is shown only once, on "
    "the next page. It has no more permissions than you have, expires no later than the token that "
    "you signed in with, and is revoked with it.",
    "Create the token",
    "",
    _unreachable,
    (
        ActField("scopes", "Permissions", kind="scopes"),
        ActField(
            "days", f"Days until it expires, at most {MOST_OWN_DAYS}", kind="number", value=str(OWN_DAYS)
        ),
        ActField("note", "Note", "Purpose of the token.", optional=True),
    ),
    harmful=False,
)
REVOKE = Act(
    "account",
    "revoke",
    "Revoke your token",
    "The token stops working at once and permanently, and so do all sessions and tokens that were "
    "created with it.",
    "Revoke the token",
    "",
    _revoke,
    (ActField("name", "Token", about=True),),
)


@view_config(route_name="web.account.tokens", request_method="GET", permission="token:make")
def ask(request: Request) -> Response:
    """Ask what the token is for."""
    return _question(request, MAKE, {"scope.read": "on"}, 200, "")


@view_config(route_name="web.account.tokens", request_method="POST", permission="token:make")
def make(request: Request) -> Response:
    """Create a token, and show its secret once."""
    given = own_form(request)
    runtime: Runtime = request.registry[Runtime]
    try:
        days = number_of(given, "days", "Days", MOST_OWN_DAYS)
        with runtime.database.write() as session:
            issued = TokenService(session).create_own(
                principal_of(request),
                scopes_of(given),
                at=runtime.now(),
                days=days,
                note=given.get("note", "").strip(),
            )
    except (ActError, InvalidValueError) as error:
        return _question(request, MAKE, given, 400, str(error))
    secret = Secret(
        "Token created",
        issued.secret.text,
        f"This is token {issued.token.name}. Copy it now: it is not shown again.",
        "/account",
    )
    return unstored(page(request, "secret", {"secret": secret, "parts": (), "part": "account"}))


@view_config(route_name="web.account.revoke", request_method="GET", permission="token:revoke")
def ask_to_revoke(request: Request) -> Response:
    """Ask whether a token of one's own is to be revoked."""
    return _question(request, REVOKE, {"name": _own(request)}, 200, "")


@view_config(route_name="web.account.revoke", request_method="POST", permission="token:revoke")
def revoke(request: Request) -> Response:
    """Revoke one of the person's own tokens."""
    own_form(request)
    runtime: Runtime = request.registry[Runtime]
    acting = Acting(runtime, str(principal_of(request).name), runtime.now())
    REVOKE.run(acting, {"name": _own(request)})
    return see_other(request, f"{base_path(request)}/account")


def _own(request: Request) -> str:
    """The name of the token in the path, which has to be the reader's own."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        try:
            token = TokenService(session).get(request.matchdict["token"])
        except TokenNotFoundError:
            raise absent() from None
    if token.owner != principal_of(request).name:
        raise absent()
    return token.name


def _question(request: Request, act: Act, given: Given, status: int, problem: str) -> Response:
    mine = own_scopes(principal_of(request))
    values = {
        "act": act,
        "given": given,
        "scopes": scope_choices(mine, given),
        "problem": problem,
        "code": "",
        "key": session_key(request),
        "back": "/account",
        "parts": (),
        "part": "account",
    }
    return unstored(page(request, "ask", values, status))
