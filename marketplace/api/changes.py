"""The logs: what was accepted, in the order it was accepted."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.access import PUBLIC
from marketplace.access.narrowing import GROUP, LONGEST
from marketplace.entries.log_rows import find_rows, find_state
from marketplace.http.errors import NotFoundError
from marketplace.http.responses import etag_of, tagged_response, unchanged_response
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from validators.document import format_time

from .answers import following_url, next_link, site_url, write_json
from .description import JSON, DescribedAnswer, Operation, Parameter
from .parameters import limit, number
from .presenters import Urls

#: The largest number that the databases count with.
_MOST = 2**63 - 1

SINCE = number("since", "the first sequence wanted", usual=0, most=_MOST)
LIMIT = limit(100, 1000)
LOG = Parameter(
    "log",
    f"which log: `{PUBLIC}`, or `{GROUP}NAME` of a group that the token's owner is in",
    {
        "type": "string",
        "pattern": rf"^({PUBLIC}|{GROUP}[^\u0000-\u001f\u007f]+)$",
        "maxLength": LONGEST,
        "default": PUBLIC,
    },
    lambda text: PUBLIC if text is None else text,
    PUBLIC,
)

CHANGES = Operation(
    "api.changes",
    "What was accepted, in order",
    "Rows of a log from a sequence on. Sequences are dense from 0 and become visible in order, so "
    "a reader who asks again with `next_since` misses nothing. `next` is there while more rows are. `size` "
    "is the number of rows; one smaller than your `since` says that you followed another log. With "
    "the entity tag of an earlier answer it is 304 while the log is as it was, which costs next to nothing.",
    "Changes",
    [DescribedAnswer("A page of the log.", "Changes", headers=("Link",))],
    query=(SINCE, LIMIT, LOG),
    errors={400: ["query.since", "query.limit"], 404: ["log.unknown"]},
)


@CHANGES.view("log:read")
def changes(request: Request) -> Response:
    """A page of a log; whoever has it already is told so before its rows are read."""
    asked = CHANGES.read(request)
    runtime: Runtime = request.registry[Runtime]
    log, since, limit = asked[LOG], asked[SINCE], asked[LIMIT]
    with runtime.database.read() as session:
        state = find_state(session, log) if log in principal_of(request).logs else None
        if state is None:
            raise NotFoundError("log.unknown", "there is no such log")
        stand, last = state
        etag = etag_of(write_json([site_url(request), log, since, limit, *stand, last]))
        unchanged = unchanged_response(request, etag)
        if unchanged is not None:
            return unchanged
        rows = find_rows(session, stand, since, limit)
    following = min(stand.size, since + limit) if since < stand.size else since
    urls = Urls(site_url(request))
    url = following_url(request, since=str(following)) if following < stand.size else None
    body = {
        "size": stand.size,
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
    return tagged_response(request.environ, write_json(body), etag, JSON, next_link(url))
