"""What happened lately, in plain words, for whoever reads it."""

from __future__ import annotations

import re

from pyramid.request import Request
from pyramid.response import Response

from marketplace.access.narrowing import narrowed, parse_scope
from marketplace.events import MEANINGS, Events, Kind, Wanted
from marketplace.events.presenters import to_json
from marketplace.http.errors import BadRequestError
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime

from .answers import following_url, fresh, next_link, site_url
from .description import PLAIN_PATTERN, DescribedAnswer, Operation, Parameter
from .filters import SCOPE_SCHEMA
from .parameters import limit
from .shapes.base import EMAIL_PATTERN, IDENTIFIER_PATTERN

LIMIT = limit(50, 500)
_KINDS = f"({'|'.join(one.value.replace('.', '[.]') for one in Kind)})"
EVENT_PATTERN = "^evt_[0-9a-f]{24}$"


def _read_kinds(text: str | None) -> tuple[Kind, ...]:
    try:
        return () if text is None else tuple(Kind(word) for word in text.split(","))
    except ValueError:
        raise BadRequestError("query.kind", f"kind is one or more of {', '.join(Kind)}") from None


def _read_scope(text: str | None) -> str:
    return parse_scope("all" if text is None else text)


def _text(name: str, meaning: str, pattern: str, most: int) -> Parameter[str | None]:
    def read(text: str | None) -> str | None:
        if text is not None and (len(text) > most or re.search(pattern, text) is None):
            raise BadRequestError(f"query.{name}", f"{name} has another form: {pattern}")
        return text

    return Parameter(name, meaning, {"type": "string", "pattern": pattern, "maxLength": most}, read)


def _event(name: str, meaning: str) -> Parameter[str | None]:
    return Parameter(name, meaning, {"type": "string", "pattern": EVENT_PATTERN}, lambda text: text)


KIND: Parameter[tuple[Kind, ...]] = Parameter(
    "kind",
    "only events of these kinds, with commas between",
    {"type": "string", "pattern": f"^{_KINDS}(,{_KINDS})*$"},
    _read_kinds,
    Kind.DEPRECATED.value,
)
ENDORSER = _text("endorser", "only events of entries of this endorser", EMAIL_PATTERN, 254)
TAG = _text("tag", "only events of entries with this tag", PLAIN_PATTERN, 1000)
IDENTIFIER = _text("identifier", "only events about this image", IDENTIFIER_PATTERN, 27)
SCOPE = Parameter(
    "scope",
    "which events: all that you may see, `public`, `mine` (of your groups) or `group:NAME`",
    SCOPE_SCHEMA,
    _read_scope,
    "public",
)
CURSOR = _event("before", "only events older than this one; `next` has it")
AFTER = _event(
    "after", "only events that came after this one, the oldest first: for readers who must miss none"
)

EVENTS = Operation(
    "api.events",
    "What happened lately",
    "Events of the entries that you may read, the newest first: "
    + "; ".join(f"`{kind}`: {meaning}" for kind, meaning in MEANINGS.items())
    + ". Webhooks are told of the same events under the same ids. With `after` they come in the order in "
    "which they happened: a reader who asks with the last id again and again misses none. Events are kept "
    "for 90 days.",
    "Events and webhooks",
    [DescribedAnswer("A page of events.", "Events", headers=("Link",))],
    query=(KIND, ENDORSER, TAG, IDENTIFIER, SCOPE, CURSOR, AFTER, LIMIT),
    errors={
        400: ["query.kind", "query.endorser", "query.tag", "query.identifier", "query.scope", "query.limit"],
        404: ["event.unknown"],
    },
)


@EVENTS.view("event:read")
def events(request: Request) -> Response:
    """A page of events."""
    asked = EVENTS.read(request)
    before, after, most = asked[CURSOR], asked[AFTER], asked[LIMIT]
    kinds = asked[KIND]
    wanted = Wanted(
        narrowed(principal_of(request), asked[SCOPE]).logs,
        kinds,
        asked[ENDORSER],
        asked[TAG],
        asked[IDENTIFIER],
    )
    with request.registry[Runtime].database.read() as session:
        stream = Events(session)
        if after is None:
            found = stream.newest(wanted, most + 1, before)
        else:
            found = stream.after(wanted, most + 1, after, before)
    shown = found[:most]
    url = None
    if len(found) > most:
        last = shown[-1].event_id
        url = following_url(request, **({"before": last} if after is None else {"after": last}))
    site = site_url(request)
    body = {"events": [to_json(one, site) for one in shown], "next": url}
    return fresh(request, body, next_link(url))
