"""The public log: what was accepted, in the order it was accepted."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.entries.announced import announced
from marketplace.runtime import Runtime
from validators.document import format_time

from .answers import following_url, fresh, next_link, site_url
from .description import Answer, Operation
from .parameters import limit, number
from .shown import Urls

#: The largest number that the databases count with.
_MOST = 2**63 - 1

SINCE = number("since", "the first sequence wanted", usual=0, most=_MOST)
LIMIT = limit(100, 1000)

CHANGES = Operation(
    "api.changes",
    "What was accepted, in order",
    "Rows of the public log from a sequence on. Sequences are dense from 0 and become visible in order, so "
    "whoever asks again with `next_since` misses nothing. `next` is there while more rows are. `size` is the "
    "number of rows; one smaller than your `since` says that you followed another log.",
    "Changes",
    [Answer("A page of the log.", "Changes", headers=("Link",))],
    query=(SINCE, LIMIT),
    errors={400: ["query.since", "query.limit"]},
)


@view_config(route_name="api.changes", request_method="GET", permission="log:read")
def changes(request: Request) -> Response:
    """A page of the public log."""
    asked = CHANGES.read(request)
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        following, size, rows = announced(session, asked[SINCE], asked[LIMIT])
    urls = Urls(site_url(request))
    url = following_url(request, since=str(following)) if following < size else None
    body = {
        "size": size,
        "changes": [
            {
                "sequence": row.sequence,
                "id": row.entry_id,
                "identifier": row.coordinates.identifier,
                "email": row.coordinates.email,
                "created": row.coordinates.created_text,
                "accepted_at": format_time(row.accepted_at),
                "links": {"self": urls.entry(row.coordinates), "signed": urls.signed(row.coordinates)},
            }
            for row in rows
        ],
        "next_since": following,
        "next": url,
    }
    return fresh(request, body, next_link(url))
