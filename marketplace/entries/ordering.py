"""Lists in the order of a column: along the database's index of it, or by sorting what there is.

Ties are broken by the beginning of the entry id, which everybody can compute:
the key that the database gave an entry tells when it first came here, and that
may have been to a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import merge
from typing import Any

from pyroaring import BitMap
from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.entries.answer_cache import AnswerCache, Lifetime
from marketplace.entries.query import Direction
from marketplace.models import Current
from marketplace.models.current import FOREVER
from marketplace.rules.columns import Column

#: Where an entry stands in an ascending order: absent first, then by value, then by entry id, then by key.
RowRank = tuple[bool, Any, int, int]

#: Key, size and revision of a log.
LogVersion = tuple[int, ...]

#: Keys named in one statement: databases limit its parameters.
NAMED = 1000
#: Entries of a log, and characters that they are sorted by, whose places are remembered.
SMALL, MOST_CHARACTERS = 1000, 200_000
#: Entries found by one list whose places are remembered.
SOME = 4000
#: Orders of small logs that are remembered, and of sets of them.
_CAPACITY, _SETS = 256, 16
#: Rows read beyond the expected number and a quarter, so that one statement is mostly enough.
_SPARE = 50

# Columns of the table, which cost less to read than attributes of the model; times as the numbers they are.
_TABLE = Current.__table__.c
_SORTED: dict[Column, ColumnElement[Any]] = {column: _TABLE[column.value] for column in Column} | {
    Column.CREATED: type_coerce(_TABLE.created, BigInteger)
}
_REST = _TABLE.tie, _TABLE.entry_key


class Orders:
    """Places of the entries of small logs, and of few entries, remembered for all threads of a process."""

    def __init__(self) -> None:
        self._logs: AnswerCache[tuple[RowRank, ...] | None] = AnswerCache(_CAPACITY)
        self._sets: AnswerCache[tuple[RowRank, ...]] = AnswerCache(_SETS)
        self._some: AnswerCache[Sequence[RowRank]] = AnswerCache(_SETS)

    def of_log(self, session: Session, log: LogVersion, sort: Column) -> tuple[RowRank, ...] | None:
        """The places of a log's current entries, ascending; None where they are too many to remember."""
        key, size, *_ = log
        if size > SMALL:
            return None

        def read() -> tuple[Lifetime, tuple[RowRank, ...] | None]:
            rows = session.execute(_along(sort, Direction.ASCENDING), {"log": key, "most": SMALL, "past": 0})
            places = tuple(_rank(*row) for row in rows)
            return Lifetime((log,), 0, FOREVER), None if _are_long(places) else places

        return self._logs.get((key, sort), (log,), 0, read)

    def of_logs(self, session: Session, logs: Sequence[LogVersion], sort: Column) -> Sequence[RowRank]:
        """The places of the current entries of several logs whose places are remembered, ascending."""
        version = tuple(logs)

        def read() -> tuple[Lifetime, tuple[RowRank, ...]]:
            each = (self.of_log(session, log, sort) or () for log in version)
            return Lifetime(version, 0, FOREVER), tuple(sorted(place for places in each for place in places))

        return self._sets.get((tuple(key for key, *_ in version), sort), version, 0, read)

    def of_some(
        self, session: Session, logs: Sequence[LogVersion], keys: BitMap, sort: Column
    ) -> Sequence[RowRank]:
        """The places of some entries, ascending: one page of a list is often followed by the next."""
        places = _collected(session, keys, sort)
        if len(keys) <= SOME and not _are_long(places):
            version = tuple(logs)
            self._some.get(
                (sort, keys.serialize()), version, 0, lambda: (Lifetime(version, 0, FOREVER), places)
            )
        return places

    def cached(self, logs: Sequence[LogVersion], keys: BitMap, sort: Column) -> Sequence[RowRank] | None:
        """The cached order, where there is one."""
        return self._some.find((sort, keys.serialize()), tuple(logs), 0) if len(keys) <= SOME else None


def _are_long(ranks: Iterable[RowRank]) -> bool:
    """Whether places are too much to remember."""
    return sum(len(value) for _, value, _, _ in ranks if isinstance(value, str)) > MOST_CHARACTERS


def _collected(session: Session, keys: BitMap, sort: Column) -> list[RowRank]:
    """The places of some entries, ascending."""
    found: set[RowRank] = set()
    wanted = list(keys)
    for start in range(0, len(wanted), NAMED):
        rows = session.execute(_named(sort), {"keys": wanted[start : start + NAMED]})
        # An entry that several logs hold has the same place in each.
        found.update(_rank(*row) for row in rows)
    return sorted(found)


def walked(
    session: Session,
    orders: Orders,
    logs: Sequence[LogVersion],
    sort: Column,
    direction: Direction,
    among: BitMap,
    enough: int,
) -> Iterator[int]:
    """Keys of some entries of several logs, along the order.

    Args:
        enough: how many of the keys will be taken, as far as is known.
    """
    backwards = direction is Direction.DESCENDING
    small, ways = [], []
    for log in logs:
        if len(logs) > 1 and orders.of_log(session, log, sort) is not None:
            small.append(log)
        else:
            steps = enough * log[1] * 5 // (4 * max(1, len(among))) + _SPARE
            ways.append(_walk(session, log[0], sort, direction, among, steps))
    if small:
        places = orders.of_logs(session, small, sort)
        ways.append(place for place in (reversed(places) if backwards else places) if place[3] in among)
    if len(ways) == 1:
        return _unlike(ways[0])
    return _unlike(merge(*ways, reverse=backwards))


def _walk(
    session: Session, log_id: int, sort: Column, direction: Direction, among: BitMap, steps: int
) -> Iterator[RowRank]:
    past = 0
    while True:
        window = {"log": log_id, "most": min(steps, FOREVER), "past": past}
        rows = session.execute(_along(sort, direction), window).all()
        yield from (_rank(*row) for row in rows if row[2] in among)
        if len(rows) < steps:
            return
        past, steps = past + steps, 2 * steps


def _unlike(ranks: Iterable[RowRank]) -> Iterator[int]:
    """The keys, each once: the same entry of another log has the same place and comes next."""
    former = None
    for *_, key in ranks:
        if key != former:
            yield key
        former = key


def _rank(value: Any, tie: int, key: int) -> RowRank:
    return value is not None, "" if value is None else value, tie, key


# Statements are made once: making one and its cache key takes longer than running it.


@cache
def _along(sort: Column, direction: Direction) -> Select[Any]:
    """By code point, absent first; descending is the exact reverse."""
    by = _SORTED[sort]
    if direction is Direction.ASCENDING:
        order = by.asc().nulls_first(), _TABLE.tie.asc(), _TABLE.entry_key.asc()
    else:
        order = by.desc().nulls_last(), _TABLE.tie.desc(), _TABLE.entry_key.desc()
    return (
        select(by, *_REST)
        .where(_TABLE.log_id == bindparam("log"))
        .order_by(*order)
        .limit(bindparam("most"))
        .offset(bindparam("past"))
    )


@cache
def _named(sort: Column) -> Select[Any]:
    return select(_SORTED[sort], *_REST).where(_TABLE.entry_key.in_(bindparam("keys", expanding=True)))
