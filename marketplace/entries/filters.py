"""What a list query names, as statements that give the keys of the entries that have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, and_, false, func, select

from marketplace.entries.checksums import stating
from marketplace.entries.query import EntryQuery, can_occur
from marketplace.models import Current, EntryTag
from marketplace.rules.columns import Column, tag_digest
from marketplace.rules.visibility import VisibleLogs


def named(query: EntryQuery, scope: VisibleLogs) -> Iterator[Select[tuple[int]]]:
    """Current entries of the image that a query names, and those that ``stated`` gives."""
    if query.identifier is not None:
        named = Current.identifier == query.identifier if can_occur(query.identifier) else false()
        yield _current(scope, named)
    yield from stated(query, scope)


def stated(query: EntryQuery, scope: VisibleLogs) -> Iterator[Select[tuple[int]]]:
    """Entries, superseded ones too, with each of the tag and the checksum that a query names."""
    if query.tag is not None:
        tagged = and_(EntryTag.digest == tag_digest(query.tag), EntryTag.tag == query.tag)
        yield select(EntryTag.entry_key).where(tagged if can_occur(query.tag) else false())
    if query.checksum is not None:
        yield stating(query.checksum, scope)


def holding(
    column: Column | None, word: str, scope: VisibleLogs, dialect: str, among: Sequence[int] | None = None
) -> Select[tuple[int]]:
    """Entries that hold a word, in a column or anywhere. Literal: there are no wildcards to escape.

    Args:
        among: keys of the only entries that are asked about; None for all.
    """
    text = Current.search_text if column is None else getattr(Current, f"{column.value}_folded")
    position = func.instr if dialect == "sqlite" else func.strpos
    holds = position(text, word) > 0
    return _current(scope, holds if among is None else and_(Current.entry_key.in_(among), holds))


def _current(scope: VisibleLogs, condition: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(Current.entry_key).where(scope.covers(Current.log_id), condition)
