"""An image's page: the timeline of everything that was ever said about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.entries import EntryRow, current_among
from marketplace.http.coordinates import entry_path
from marketplace.http.errors import NotFoundError
from marketplace.http.snapshots import of_one_snapshot
from marketplace.http.visible_entries import visible_entries
from marketplace.runtime import Runtime
from validators.document import format_time
from validators.identifier import is_identifier
from validators.policy import Verdict

from .badges import strength_badge
from .entry_page import is_offered, until
from .presence import count_sites
from .rendering import page
from .schema_org import data_block
from .timeline import lay_out
from .trust_badges import Lines, banner, certificate_badges, lines_of

#: Rows of the table below the picture.
_MOST_ROWS = 500


@view_config(route_name="web.image", request_method="GET", permission="entry:read")
@of_one_snapshot
def image(request: Request) -> Response:
    """The timeline of an image, as a picture and as a table."""
    runtime: Runtime = request.registry[Runtime]
    identifier = request.matchdict["identifier"]
    rows: Sequence[EntryRow] = ()
    if is_identifier(identifier):
        with visible_entries(request) as visible:
            rows = visible.timeline(identifier)
    if not rows:
        raise NotFoundError("image.unknown", "no entry about this image is known")
    lines = lines_of(request, rows)
    with visible_entries(request) as visible:
        verdict = runtime.judge.judge(visible, identifier, runtime.now())
    sites = count_sites(request, identifier)
    values = image_values(identifier, rows, runtime.now(), lines, verdict, sites)
    return page(request, "image", {**values, "structured": _structured(request, rows, verdict, lines)})


def _structured(
    request: Request, rows: Sequence[EntryRow], verdict: Verdict | None, lines: Lines
) -> Markup | None:
    """What search engines are told of the image: by the entry that decides about it, else by the newest."""
    runtime: Runtime = request.registry[Runtime]
    now, current = runtime.now(), current_among(rows)
    standing = [row for row in rows if row.key in current and row.deprecated is None]
    decides = None if verdict is None or verdict.entry is None else verdict.entry.entry_id
    chosen = next((row for row in standing if row.entry_id == decides), standing[-1] if standing else None)
    if chosen is None:
        return None
    with visible_entries(request) as visible:
        record = visible.find_by_entry_id(chosen.entry_id)
        stored = visible.find_body_by_entry_id(chosen.entry_id)
    if record is None or stored is None or not is_offered(record, banner(verdict, lines.judges), now):
        return None
    entry = runtime.acceptance.examine(stored.data).entry
    if entry is None:
        return None  # a damaged entry; its own page says so
    return data_block(entry, runtime.settings.site.url, f"/images/{entry.identifier}")


def image_values(
    identifier: str,
    rows: Sequence[EntryRow],
    now: datetime,
    lines: Lines,
    verdict: Verdict | None,
    sites: int,
) -> dict[str, Any]:
    """Everything the template shows.

    Args:
        rows: every entry about the image, oldest first.
        verdict: on the image, where anything current is known of it.
        sites: cloud sites that have it.
    """
    current = current_among(rows)
    shown = rows[::-1][:_MOST_ROWS]
    return {
        "identifier": identifier,
        "verdict": banner(verdict, lines.judges),
        "title": _title(rows),
        "total": len(rows),
        "sites": sites,
        "endorsers": len({row.email for row in rows}),
        "picture": lay_out(rows, now),
        "rows": [_line(row, row.key in current, lines) for row in shown],
        "rows_left_out": len(rows) - len(shown),
    }


def _title(rows: Sequence[EntryRow]) -> str | None:
    """What the image was called last, by somebody who had not withdrawn it if there is such a one."""
    titled = [row for row in rows if row.title and row.title.strip()]
    standing = [row for row in titled if row.deprecated is None]
    return next((row.title for row in reversed(standing or titled)), None)


def _line(row: EntryRow, current: bool, lines: Lines) -> dict[str, Any]:
    return {
        "path": entry_path(row.coordinates),
        "created": format_time(row.created),
        "email": row.email,
        "status": lines.badge(row) if current or row.deprecated is not None else lines.superseded(row),
        "reason": row.deprecated,
        "until": until(row),
        "badges": certificate_badges(row, lines.judges) or [strength_badge(row.strength)],
    }
