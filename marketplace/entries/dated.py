"""Lists with a creation time, superseded entries too: so few rows that they are filtered and sorted here.

All other lists are answered by ``listing.py``. The tests hold those against these functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from marketplace.entries.query import EntryQuery, LocationFilter, StatusFilter, can_occur, words_of
from marketplace.entries.records import EntryRow
from marketplace.rules.columns import Column, Direction, fold, search_text
from validators.document import format_time


def matches_filters(row: EntryRow, query: EntryQuery) -> bool:
    """Whether status, location and coordinates fit; tags are not in the row."""
    return (
        (query.status is StatusFilter.ALL or row.status(query.now).value == query.status.value)
        and (query.location is not LocationFilter.WEB or row.has_web)
        and (query.location is not LocationFilter.PDISK or row.has_pdisk)
        and query.identifier in (None, row.identifier)
        and query.email in (None, row.email)
        and query.created in (None, row.created)
        and (not query.trust or not query.trust.isdisjoint(row.marks()))
    )


def matches_search(row: EntryRow, query: EntryQuery) -> bool:
    """Whether every word occurs where it must."""
    text = search_text(row.column(column) for column in Column)
    return all(can_occur(word) and word in text for word in query.words()) and all(
        can_occur(word) and word in fold(_text(row, column) or "")
        for column, words in query.columns
        for word in words_of(words)
    )


def ordered(rows: Iterable[EntryRow], query: EntryQuery) -> list[EntryRow]:
    """Entries sorted by code point, absent first, ties by entry id; descending is the exact reverse."""

    def key(row: EntryRow) -> tuple[bool, str, str]:
        text = _text(row, query.sort)
        return text is not None, text or "", row.entry_id

    return sorted(rows, key=key, reverse=query.direction is Direction.DESCENDING)


def _text(row: EntryRow, column: Column) -> str | None:
    value = row.column(column)
    return format_time(value) if isinstance(value, datetime) else value
