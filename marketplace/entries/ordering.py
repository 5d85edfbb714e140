"""Lists in the order of a column: along the database's index of it, or by sorting what there is.

Ties are broken by the beginning of the entry id, which everybody can compute:
the key that the database gave an entry tells when it first came here, and that
may have been to a group.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cache
from heapq import merge
from typing import Any, TypeAlias

from pyroaring import BitMap
from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.models import Current
from marketplace.models.current import FOREVER
from marketplace.portions import NAMED, portions
from marketplace.rules.columns import Column, Direction
from marketplace.rules.visibility import Stand, VisibleLogs

#: Where an entry stands in an ascending order: absent first, then by value, then by entry id, then by key.
RowRank = tuple[bool, Any, int, int]
RowRanks: TypeAlias = Sequence[RowRank]

#: Entries found by one list whose places are remembered.
SOME = 4000
#: Rows of a small log, whose places are all remembered for those who see other logs beside it.
SMALL = 1000
#: Bytes of places that are remembered, and what one takes beside its text, about.
_BYTES, _PLACE = 16 * 2**20, 200
#: Steps along an index that take as long as fetching one entry by its key.
_STEPS = 6
#: Rows read beyond the expected number and a quarter, so that one statement is mostly enough.
_SPARE = 50

# Columns of the table, which cost less to read than attributes of the model; times as the numbers they are.
_TABLE = Current.__table__.c
_SORTED: dict[Column, ColumnElement[Any]] = {column: _TABLE[column.value] for column in Column} | {
    Column.CREATED: type_coerce(_TABLE.created, BigInteger)
}
_REST = _TABLE.tie, _TABLE.entry_key


class Orders:
    """Orders of a scope's entries. Safe to share between threads, which remember places together."""

    def __init__(self) -> None:
        self._places: BoundedCache[Hashable, RowRanks] = BoundedCache(_BYTES, _cost)

    def keys(
        self,
        session: Session,
        scope: VisibleLogs,
        sort: Column,
        direction: Direction,
        found: BitMap,
        enough: int,
    ) -> Iterator[int]:
        """The keys of some entries of a scope, in an order.

        Args:
            found: their keys.
            enough: how many of them will be taken.
        """
        backwards = direction is Direction.DESCENDING
        held, total = sum(log.size for log in scope.version), len(found)
        # One page of a list is often followed by the next.
        asked = (scope.version, sort, found.serialize()) if total <= SOME else None
        places = None if asked is None else self._places.find(asked)
        # Sorting fetches all that was found; walking along an index passes by what was not.
        if places is None and _STEPS * total * total < enough * held:
            places = _read_some(session, found, sort)
            if asked is not None:
                self._places.keep(asked, places)
        if places is not None:
            return (key for *_, key in (reversed(places) if backwards else places))
        ways: list[Iterator[RowRank]] = []
        for log in scope.version:
            if len(scope.version) > 1 and log.size <= SMALL:
                beside = self._of_log(session, log, sort)
                ways.append(
                    filter(lambda place: place[3] in found, reversed(beside) if backwards else beside)
                )
            else:
                steps = enough * log.size * 5 // (4 * max(1, total)) + _SPARE
                ways.append(_walk(session, log.key, sort, direction, found, steps))
        return _unlike(ways[0] if len(ways) == 1 else merge(*ways, reverse=backwards))

    def _of_log(self, session: Session, log: Stand, sort: Column) -> RowRanks:
        """The places of all that is current in a small log, ascending."""
        places = self._places.find((log, sort))
        if places is None:
            rows = session.execute(
                _along(sort, Direction.ASCENDING), {"log": log.key, "most": SMALL, "past": 0}
            )
            places = [_rank(*row) for row in rows]
            self._places.keep((log, sort), places)
        return places


def _read_some(session: Session, keys: BitMap, sort: Column) -> RowRanks:
    """The places of some entries, ascending."""
    found: set[RowRank] = set()
    wanted = list(keys)
    for portion in portions(wanted, NAMED):
        rows = session.execute(_named(sort), {"keys": portion})
        # An entry that several logs hold has the same place in each.
        found.update(_rank(*row) for row in rows)
    return sorted(found)


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


def _cost(places: RowRanks) -> int:
    return sum(_PLACE + (len(value) if isinstance(value, str) else 0) for _, value, _, _ in places)


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
