"""A list query as conditions on the table of current entries."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, exists, false, func
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.entries.columns import Column, tag_digest
from marketplace.entries.query import (
    Direction,
    EntryQuery,
    LocationFilter,
    StatusFilter,
    can_occur,
    words_of,
)
from marketplace.models import Current, EntryTag
from marketplace.models.base import to_seconds

_SORTED: dict[Column, InstrumentedAttribute[object]] = {
    column: getattr(Current, column.value) for column in Column
}


def filters(query: EntryQuery) -> Iterator[ColumnElement[bool]]:
    """Everything but the searches."""
    now = to_seconds(query.now)
    if query.status is StatusFilter.DEPRECATED:
        yield Current.deprecated.is_(True)
    elif query.status is not StatusFilter.ALL:
        yield Current.deprecated.is_(False)
        yield Current.valid_until >= now if query.status is StatusFilter.VALID else Current.valid_until < now
    if query.location is LocationFilter.WEB:
        yield Current.has_web.is_(True)
    elif query.location is LocationFilter.PDISK:
        yield Current.has_pdisk.is_(True)
    if query.identifier is not None:
        yield _equal(Current.identifier, query.identifier)
    if query.email is not None:
        yield _equal(Current.email, query.email)
    if query.created is not None:
        yield Current.created == query.created
    if query.tag is not None:
        yield _tagged(query.tag)


def searches(query: EntryQuery, dialect: str) -> Iterator[ColumnElement[bool]]:
    """Every word where it must occur. Literal: there are no wildcards to escape."""
    for word in query.words():
        yield _contains(Current.search_text, word, dialect)
    for column, text in query.columns:
        folded: InstrumentedAttribute[str] = getattr(Current, f"{column.value}_folded")
        for word in words_of(text):
            yield _contains(folded, word, dialect)


def order(query: EntryQuery) -> tuple[ColumnElement[object], ColumnElement[int]]:
    """By code point, absent first; descending is the exact reverse."""
    column = _SORTED[query.sort]
    if query.direction is Direction.ASCENDING:
        return column.asc().nulls_first(), Current.entry_key.asc()
    return column.desc().nulls_last(), Current.entry_key.desc()


def _equal(column: InstrumentedAttribute[str], value: str) -> ColumnElement[bool]:
    return column == value if can_occur(value) else false()


def _contains(column: InstrumentedAttribute[str], word: str, dialect: str) -> ColumnElement[bool]:
    if not can_occur(word):
        return false()
    position = func.instr if dialect == "sqlite" else func.strpos
    return position(column, word) > 0


def _tagged(tag: str) -> ColumnElement[bool]:
    if not can_occur(tag):
        return false()
    return exists().where(
        EntryTag.entry_key == Current.entry_key, EntryTag.digest == tag_digest(tag), EntryTag.tag == tag
    )
