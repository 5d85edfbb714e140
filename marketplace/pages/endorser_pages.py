"""What the pages about endorsers show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketplace.entries import EndorserRecord, EndorserRow, EntryRow, VisibleEntries
from marketplace.entries.lookalikes import LookAlikes, common_names
from marketplace.http.coordinates import entry_path
from validators.document import format_time

from .certificates import alike_badges
from .display import cut
from .entry_page import until
from .trust_badges import Lines

#: Endorsers on a page, entries of a history, and tags with what they name.
_PAGE, MOST_ROWS, _MOST_TAGS = 100, 300, 200
#: Days of history offered; the last one is everything.
_RANGES = ((30, "30 days"), (90, "90 days"), (365, "one year"), (36525, "everything"))


def endorsers_values(found: Sequence[EndorserRow], offset: int, alike: LookAlikes) -> dict[str, Any]:
    """The list of endorsers: one row an address, with all names it signed under."""
    by_email: dict[str, list[EndorserRow]] = {}
    for row in found:
        by_email.setdefault(row.email, []).append(row)
    people = list(by_email.items())
    shown = people[offset : offset + _PAGE]
    return {
        "people": [
            {
                "email": email,
                "subjects": [_named(row.subject) for row in rows[:5]],
                "self_named": all(row.subject == row.issuer for row in rows),
                "issuers": list(dict.fromkeys(_named(row.issuer) for row in rows[:5])),
                "entries": sum(row.entries for row in rows),
                "badges": alike_badges(alike.of(email)),
            }
            for email, rows in shown
        ],
        "total": len(people),
        "previous": None if offset == 0 else max(0, offset - _PAGE),
        "next": offset + _PAGE if offset + _PAGE < len(people) else None,
    }


def _named(distinguished: str) -> tuple[str, str]:
    """The common name in a certificate's name, or the whole where it has none; and the whole."""
    whole = cut(distinguished, 200)
    return cut(", ".join(common_names(distinguished)), 100) or whole, whole


def endorser_values(
    record: EndorserRecord,
    found: Sequence[EntryRow],
    tags: Sequence[str],
    days: int,
    lines: Lines,
) -> dict[str, Any]:
    """One endorser with a history, newest first."""
    # Newest first, so the first entry met of an image is the one that counts, if the range shows it at all.
    newest: dict[str, EntryRow] = {}
    for row in found:
        newest.setdefault(row.identifier, row)
    return {
        "record": record,
        "tags": tags[:_MOST_TAGS],
        "tags_left_out": max(0, len(tags) - _MOST_TAGS),
        "days": days,
        "ranges": [{"days": number, "label": label, "current": number == days} for number, label in _RANGES],
        "rows": [_history_row(row, newest[row.identifier] is row, lines) for row in found[:MOST_ROWS]],
        "total": len(found),
        "rows_left_out": max(0, len(found) - MOST_ROWS),
    }


def _history_row(row: EntryRow, current: bool, lines: Lines) -> dict[str, Any]:
    told = current or row.deprecated is not None
    return {
        "path": entry_path(row.coordinates),
        "identifier": row.identifier,
        "created": format_time(row.created),
        "title": cut((row.title or "").strip() or row.identifier),
        "badges": [lines.badge(row) if told else lines.superseded(row), *lines.privacy(row)],
        "reason": cut(row.deprecated or "", 160),
        "until": until(row),
    }


def tags_values(email: str, found: Sequence[str], visible: VisibleEntries) -> dict[str, Any]:
    """An endorser's tags, each with the entry that it names now."""
    named = [(tag, visible.tagged(email, tag)) for tag in found[:_MOST_TAGS]]
    return {
        "email": email,
        "total": len(found),
        "tags": [
            {
                "tag": tag,
                "title": cut((row.title or "").strip() or row.identifier),
                "path": entry_path(row.coordinates),
                "identifier": row.identifier,
                "created": format_time(row.created),
            }
            for tag, row in named
            if row is not None
        ],
        "left_out": max(0, len(found) - _MOST_TAGS),
    }
