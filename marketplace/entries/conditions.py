"""What a query names, as statements that give the keys of the entries that have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, and_, false, func, select

from marketplace.entries.query import EntryQuery, can_occur
from marketplace.models import Current, EntryChecksum, EntryLocation, EntryTag, WatchedLocation
from marketplace.rules.columns import Column, tag_digest
from marketplace.rules.visibility import VisibleLogs
from validators.checksums import SHA1
from validators.document import Checksum
from validators.identifier import identifier_from_sha1

#: How the last look at a location ended where the content was there; ``marketplace.locations.Reach``.
THERE = "there"


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


def stating(checksum: Checksum, scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of the entries that are current in a log of the scope and state a checksum.

    Args:
        checksum: in its canonical spelling; see ``validators.checksums.find_checksum``.
    """
    if checksum.algorithm == SHA1:
        return _current(scope, Current.identifier == identifier_from_sha1(checksum.value))
    # The value alone would do, since each algorithm has values of a length of its own.
    states = and_(EntryChecksum.value == checksum.value, EntryChecksum.algorithm == checksum.algorithm)
    return _current(scope, states).join(EntryChecksum, EntryChecksum.entry_key == Current.entry_key)


def reaching(scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of the entries, current in a log of the scope, with a location that has the content."""
    return _looked_at(scope).where(WatchedLocation.reach == THERE)


def not_reaching(scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of those whose locations were looked at, and none had it."""
    return _looked_at(scope).where(Current.entry_key.not_in(reaching(scope)))


def _looked_at(scope: VisibleLogs) -> Select[tuple[int]]:
    return (
        select(Current.entry_key)
        .join(EntryLocation, EntryLocation.entry_key == Current.entry_key)
        .join(
            WatchedLocation,
            and_(WatchedLocation.uri == EntryLocation.uri, WatchedLocation.log_id == Current.log_id),
        )
        .where(scope.covers(Current.log_id), WatchedLocation.reach.is_not(None))
    )


def _current(scope: VisibleLogs, condition: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(Current.entry_key).where(scope.covers(Current.log_id), condition)
