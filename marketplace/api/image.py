"""An image's timeline: everything that anybody ever endorsed about it."""

from __future__ import annotations

from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries import EntryRow, current_among
from marketplace.entries.service import ROWS_LIMIT
from marketplace.http.errors import NotFoundError
from marketplace.http.visible_entries import visible_entries
from marketplace.pages.presence import count_sites
from marketplace.runtime import Runtime
from validators.document import format_time
from validators.identifier import is_identifier
from validators.policy import Verdict

from .answers import page, site_url
from .cursors import Cursor, cut_page, encode_cursor
from .description import VERDICTS, DescribedAnswer, Operation
from .parameters import IDENTIFIER, cursor, limit
from .presenters import SUPERSEDED, JsonObject, Urls, show_line

LIMIT = limit(100, 500)
CURSOR = cursor("api.image")

IMAGE = Operation(
    "api.image",
    "Everything endorsed about an image",
    "The timeline of an image: every entry about it by anybody, oldest first, superseded ones included. "
    f"Of an image with more than {ROWS_LIMIT} entries the newest are shown.",
    VERDICTS,
    [DescribedAnswer("A page of the timeline.", "Timeline", headers=("Link",))],
    path=(IDENTIFIER,),
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"], 404: ["image.unknown"]},
)


@IMAGE.view("entry:read")
def image(request: Request) -> Response:
    """A page of an image's timeline."""
    asked = IMAGE.read(request)
    identifier = request.matchdict["identifier"]
    with visible_entries(request) as visible:
        entries = visible.timeline(identifier) if is_identifier(identifier) else ()
    if not entries:
        raise NotFoundError("image.unknown", "no entry about this image is known")
    # In this order two entries with one creation time stay apart, and a cursor is text throughout.
    found, after = cut_page(sorted(entries, key=_cursor_of), _cursor_of, asked[CURSOR], asked[LIMIT])
    current = current_among(entries)
    runtime: Runtime = request.registry[Runtime]
    urls, now = Urls(site_url(request)), runtime.now()
    with visible_entries(request) as visible:
        verdict = runtime.judge.judge(visible, identifier, now)
    body = {
        "identifier": identifier,
        "total": len(entries),
        "endorsers": len({entry.email for entry in entries}),
        "sites": count_sites(request, identifier),
        "entries": [
            _line(row, is_current=row.key in current, now=now, urls=urls, verdict=verdict) for row in found
        ],
    }
    return page(request, body, encode_cursor(after, "api.image"))


def _line(
    row: EntryRow, *, is_current: bool, now: datetime, urls: Urls, verdict: Verdict | None
) -> JsonObject:
    status = row.status(now).value if is_current else SUPERSEDED
    return {**show_line(row, status, urls, verdict), "current": is_current}


def _cursor_of(entry: EntryRow) -> Cursor:
    return format_time(entry.created), entry.entry_id
