"""Tokens over the API: one's own for everybody who has one, all of them for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.accounts.errors import TokenNotFoundError
from marketplace.accounts.tokens import MOST_DAYS, Token
from marketplace.http.errors import BadRequestError

from .access import GROUP, TOKEN, actor_of, administers, now_of, reading, writing
from .answers import created, fresh, page, site_url
from .cursors import cut_page, encode_cursor
from .description import JSON, PLAIN_PATTERN, DescribedAnswer, Operation, Parameter
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .shapes import access as shapes
from .shapes.base import SelfLinkShape

LIMIT = limit(100, 500)
CURSOR = cursor("api.tokens")

OWNER: Parameter[str | None] = Parameter(
    "owner", "only tokens of this owner", {"type": "string", "pattern": PLAIN_PATTERN}, lambda text: text
)

TOKENS = Operation(
    "api.tokens",
    "Tokens",
    "One's own, without their secrets; with scope `admin` everybody's. The oldest first.",
    GROUP,
    [DescribedAnswer("A page of tokens.", shapes.TokensShape, headers=("Link",))],
    query=(OWNER, LIMIT, CURSOR),
    errors={400: ["query.owner", "query.limit", "query.cursor"]},
    needs="any token",
)
CREATE = Operation(
    "api.tokens",
    "Create a token",
    "The answer holds its `secret`, which is not shown again. It expires after `days`.",
    GROUP,
    [DescribedAnswer("The token, with its secret.", shapes.NewTokenShape, status=201, headers=("Location",))],
    method="POST",
    bodies={JSON: shapes.TokenParts},
    errors={**CODES, 400: (*CODES[400], "access.value")},
    needs="scope `admin`",
)
READ = Operation(
    "api.token",
    "One token",
    "One's own; with scope `admin` anybody's.",
    GROUP,
    [DescribedAnswer("The token.", shapes.TokenShape)],
    path=(TOKEN,),
    errors={404: ["token.unknown"]},
    needs="any token",
)
REVOKE = Operation(
    "api.token",
    "Revoke a token",
    "At once and for good, with every session that was opened with it. One's own; with scope `admin` "
    "anybody's.",
    GROUP,
    [DescribedAnswer("The token, revoked.", shapes.TokenShape)],
    method="DELETE",
    path=(TOKEN,),
    errors={404: ["token.unknown"]},
    needs="any token",
)


@TOKENS.view("token:read")
def tokens(request: Request) -> Response:
    """A page of tokens."""
    asked = TOKENS.read(request)
    owner = asked[OWNER]
    if not administers(request):
        mine = actor_of(request)
        every = [] if owner not in (None, mine) else _list(request, mine)
    else:
        every = _list(request, owner)
    found, after = cut_page(every, lambda one: (f"{one.key:020}",), asked[CURSOR], asked[LIMIT])
    now = now_of(request)
    body = shapes.TokensShape(total=len(every), tokens=[_token(one, now, request) for one in found])
    return page(request, body, encode_cursor(after, "api.tokens"))


@CREATE.view("token:create")
def create(request: Request) -> Response:
    """Make a token and show its secret, this once."""
    given = read_body(request, shapes.TokenParts)
    now = now_of(request)
    with writing(request) as session:
        issued = TokenService(session).create(
            given.owner,
            _scopes(given.scopes),
            by=actor_of(request),
            at=now,
            expires_at=now + timedelta(days=_days(given.days)),
            note=given.note,
        )
    shown = _token(issued.token, now, request)
    return created(shapes.NewTokenShape(**dict(shown), secret=issued.secret.text), shown.links.self)


@READ.view("token:read")
def token(request: Request) -> Response:
    """One token."""
    with reading(request) as session:
        found = _visible(request, TokenService(session))
    return fresh(request, _token(found, now_of(request), request))


@REVOKE.view("token:revoke")
def revoke(request: Request) -> Response:
    """Revoke a token."""
    now = now_of(request)
    with writing(request) as session:
        service = TokenService(session)
        found = service.revoke(_visible(request, service).name, by=actor_of(request), at=now)
    return fresh(request, _token(found, now, request))


def _list(request: Request, owner: str | None) -> list[Token]:
    with reading(request) as session:
        return TokenService(session).list(owner)


def _visible(request: Request, service: TokenService) -> Token:
    """The token that the path names, if whoever asks may know of it.

    Raises:
        TokenNotFoundError: there is none, or it is somebody else's.
    """
    name = request.matchdict["token"]
    found = service.get(name)
    if found.owner != actor_of(request) and not administers(request):
        raise TokenNotFoundError(name)
    return found


def _scopes(words: Sequence[Any]) -> list[Scope]:
    try:
        return [Scope(word) for word in words]
    except ValueError:
        raise BadRequestError("access.value", f"scopes are {', '.join(Scope)}") from None


def _days(days: int) -> int:
    if not 1 <= days <= MOST_DAYS:
        raise BadRequestError("access.value", f"days is a whole number from 1 to {MOST_DAYS}")
    return days


def _token(one: Token, now: datetime, request: Request) -> shapes.TokenShape:
    return shapes.TokenShape(
        name=one.name,
        owner=one.owner,
        scopes=sorted(one.scopes),
        status=one.status(now),
        note=one.note,
        created_at=one.created_at,
        expires_at=one.expires_at,
        revoked_at=one.revoked_at,
        last_used_at=one.last_used_at,
        links=SelfLinkShape(self=f"{site_url(request)}/api/v1/tokens/{one.name}"),
    )
