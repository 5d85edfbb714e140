"""Current entries of every log in memory, following the logs: who may see what, and lists without words.

Each process has a catalogue of its own. It holds nothing that the database
does not, so it is simply read at start, and caught up before it answers.
"""

from __future__ import annotations

import gc
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from threading import RLock

from pyroaring import BitMap
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.models import Log
from marketplace.rules.visibility import Scope
from marketplace.search.facts import Facet
from marketplace.search.loading import load_current
from marketplace.search.marks import REVISION, Judged, load_judged
from marketplace.search.order import By, Place
from marketplace.search.shelf import SPELLED_PLACES, Filters, Shelf
from marketplace.search.vocabulary import Vocabulary

_HEADS = (
    select(Log.id, Log.name, Log.next_sequence, Log.revision, REVISION)
    .where(Log.name.in_(bindparam("names", expanding=True)))
    .order_by(Log.id)
)

#: More entries read at once than this are kept from the garbage collector.
_FROZEN = 5000

#: So many entries are looked at in the time that the bitmap of one value takes.
_WALKED = 4
#: Sets of readers' logs whose entries are remembered, and how many entries these may have merged.
_REMEMBERED, _MOST_MERGED = 64, 100_000


@dataclass(slots=True)
class _Followed:
    """A log as far as it was read."""

    name: str
    shelf: Shelf
    revision: int
    position: int = 0
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


#: Revision and position of each log.
_Positions = tuple[tuple[int, int], ...]
#: A value of a facet: how many entries have it, hidden ones too, the value, and the entries in each part.
_Value = tuple[int, str, tuple[BitMap | None, ...]]


@dataclass(slots=True)
class _Set:
    """What a set of logs shows.

    Args:
        positions: of the logs it was made of, each behind its revision.
        visible: keys of the entries that each log shows; treat them as frozen.
        largest: which of the logs is the largest.
        merged: what all others show, on one shelf; None for too few logs or too many entries.
    """

    positions: _Positions
    visible: list[BitMap]
    largest: int
    merged: Shelf | None
    #: Values of facets, as they were asked for, the commonest first.
    values: dict[Facet, Sequence[_Value]] = field(default_factory=dict)


class Catalogue:
    """The shelves of all logs that somebody asked for. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._reading = RLock()
        #: By key of the log, so the oldest log comes first.
        self._logs: dict[int, _Followed] = {}
        #: Verdicts on certificates, and the revision up to which they were read.
        self._verdicts: dict[int, Judged] = {}
        self._revision = 0
        self._views: OrderedDict[tuple[int, ...], View] = OrderedDict()

    def catch_up(self, session: Session, principal: Principal) -> Scope:
        """Read what the logs of a principal have beyond what is known here.

        Returns:
            the principal's logs as the session sees them.
        """
        heads = session.connection().execute(_HEADS, {"names": sorted(principal.logs)}).all()
        if heads and (heads[0][4] or 0) > self._revision:
            self._judge(session, heads[0][4])
        for log_id, name, size, revision, _ in heads:
            if self._lacks(log_id, size, revision):
                self._read(session, log_id, name, size, revision)
        return Scope(tuple((head[0], head[2]) for head in heads), tuple(head[3] for head in heads))

    @contextmanager
    def seen_by(self, principal: Principal) -> Iterator[View]:
        """What a principal sees, unchanging while the block runs; keep the block short."""
        with self._lock:
            logs = sorted((key, one) for key, one in self._logs.items() if one.name in principal.logs)
            yield self._view_of(logs)

    def size(self) -> int:
        """Entries on all shelves."""
        with self._lock:
            return sum(len(one.shelf.items) for one in self._logs.values())

    def _judge(self, session: Session, revision: int) -> None:
        """Take in what changed about certificates, unless the snapshot is older than what is known."""
        with self._reading:
            if revision <= self._revision:
                return
            changed = load_judged(session, self._revision)
            with self._lock:
                self._verdicts.update(changed)
                for followed in self._logs.values():
                    followed.shelf.judge(changed)
                for view in self._views.values():
                    if view.shown.merged is not None:
                        view.shown.merged.judge(changed)
                self._revision = revision

    def _lacks(self, log_id: int, size: int, revision: int) -> bool:
        """Whether a snapshot of a log is newer than what is known of it."""
        followed = self._logs.get(log_id)
        return followed is None or (followed.revision, followed.position) < (revision, size)

    def _read(self, session: Session, log_id: int, name: str, size: int, revision: int) -> None:
        # One thread reads; the others wait for what it reads, which is what they want too.
        with self._reading:
            if not self._lacks(log_id, size, revision):
                return
            # The database is read without the other lock, so that searches go on meanwhile.
            known = self._logs.get(log_id)
            if known is None or known.revision != revision:
                # Other rows are shown than those that were read: it is read anew.
                known = _Followed(name, Shelf(self._verdicts), revision)
            position, vocabulary = known.position, known.vocabulary
            facts = []
            for one in load_current(session, log_id, position, size):
                vocabulary.add(one.words)
                facts.append(one.facts)
            with self._lock:
                known.shelf.put(facts)
                known.position = size
                self._logs[log_id] = known
            if len(facts) > _FROZEN:
                # These live as long as the process: without this the garbage collector looks at all of
                # them again and again, which stops every thread for a third of a second.
                gc.freeze()

    def _view_of(self, logs: Sequence[tuple[int, _Followed]]) -> View:
        keys = tuple(key for key, _ in logs)
        positions = tuple((one.revision, one.position) for _, one in logs)
        known = self._views.get(keys)
        if known is None or known.shown.positions != positions:
            former = None if known is None else known.shown
            shown = self._make_set(positions, [one.shelf for _, one in logs], former)
            known = self._views[keys] = View([one for _, one in logs], shown)
        self._views.move_to_end(keys)
        merged = [
            0 if one.shown.merged is None else len(one.shown.merged.items) for one in self._views.values()
        ]
        while len(self._views) > _REMEMBERED or (sum(merged) > _MOST_MERGED and len(merged) > 1):
            self._views.popitem(last=False)
            del merged[0]
        return known

    def _make_set(
        self, positions: tuple[tuple[int, int], ...], shelves: Sequence[Shelf], former: _Set | None
    ) -> _Set:
        """What shelves show together. Few new entries change little of what was merged before."""
        hidden = _superseded(shelves) if len(shelves) > 1 else [BitMap() for _ in shelves]
        visible = [shelf.everything() - gone for shelf, gone in zip(shelves, hidden, strict=True)]
        largest = max(range(len(shelves)), key=lambda number: len(shelves[number].items), default=0)
        small = [number for number in range(len(shelves)) if number != largest]
        if len(small) < 2 or sum(len(visible[number]) for number in small) > _MOST_MERGED // 4:
            return _Set(positions, visible, largest, None)
        merged = None if former is None or former.largest != largest else former.merged
        if merged is None:
            merged = Shelf(self._verdicts)
        merged.keep([shelves[number].items[key] for number in small for key in visible[number]])
        return _Set(positions, visible, largest, merged)


class View:
    """Several logs seen as one, in a few parts. Every entry is in one of them, so counts and lists add up.

    One part is the largest log; the others are one together, where they can be: each part costs the same
    once more, however few entries it has.
    """

    def __init__(self, logs: Sequence[_Followed], shown: _Set) -> None:
        self._logs = logs
        self.shown, self._visible = shown, shown.visible
        #: Each part with the logs that are in it, by their place.
        self._parts: list[tuple[Shelf, Sequence[int]]] = [(one.shelf, (n,)) for n, one in enumerate(logs)]
        if shown.merged is not None:
            small = [number for number in range(len(logs)) if number != shown.largest]
            self._parts = [self._parts[shown.largest], (shown.merged, small)]
        #: By the name of a log: the part that it is in, and its own place.
        self._places = {
            logs[number].name: (part, number)
            for part, (_, numbers) in enumerate(self._parts)
            for number in numbers
        }

    @property
    def logs(self) -> list[str]:
        """Names of the logs that show something, the oldest first."""
        return [one.name for one, visible in zip(self._logs, self._visible, strict=True) if visible]

    def visible(self) -> list[BitMap]:
        """Keys of everything to be seen, part by part; the other answers are in this order."""
        return [self._joined([self._visible[n] for n in numbers]) for _, numbers in self._parts]

    def holding(self, matches: Mapping[str, BitMap]) -> list[BitMap]:
        """Keys of everything to be seen that matches in the log that shows it, by names of logs."""
        held: list[list[BitMap]] = [[] for _ in self._parts]
        for log, keys in matches.items():
            if log in self._places:
                part, number = self._places[log]
                held[part].append(self._visible[number] & keys)
        return [self._joined(keys) for keys in held]

    def by_log(self, found: Sequence[BitMap]) -> dict[str, BitMap]:
        """What was found in each part, by the names of the logs that show it."""
        return {
            self._logs[n].name: self._visible[n] & keys
            for keys, (_, numbers) in zip(found, self._parts, strict=True)
            for n in numbers
        }

    def narrow(
        self, among: Sequence[BitMap], filters: Filters, now: int, without: Facet | None = None
    ) -> list[BitMap]:
        """Those of some entries that pass the filters, all of them or all but one facet's."""
        narrowed = []
        for (shelf, _), found in zip(self._parts, among, strict=True):
            for part in shelf.select(filters, now, without):
                found = found & part
            narrowed.append(found)
        return narrowed

    def count(self, facet: Facet, among: Sequence[BitMap], now: int, limit: int) -> list[tuple[str, int]]:
        """The commonest values of a facet among some entries with their counts, the commonest first."""
        values = self._values(facet, now)
        if facet in SPELLED_PLACES and sum(map(len, among)) < _WALKED * len(values):
            totals: Counter[str] = Counter()
            for (shelf, _), found in zip(self._parts, among, strict=True):
                totals.update(shelf.count_each(facet, found))
            return _commonest(totals.items(), limit)
        best: list[tuple[str, int]] = []
        floor = 0
        for size, value, held in values:
            # Of each value, no more than all its entries can be among those counted.
            if size < floor:
                break
            count = 0
            for one, found in zip(held, among, strict=True):
                if one is not None:
                    count += one.intersection_cardinality(found)
            if count:
                best.append((value, count))
                if len(best) >= 2 * limit:
                    best = _commonest(best, limit)
                    floor = best[-1][1]
        return _commonest(best, limit)

    def _values(self, facet: Facet, now: int) -> Sequence[_Value]:
        """The values of a facet in all parts, the commonest first."""
        known = self.shown.values.get(facet)
        if known is None:
            shelves = [shelf.values(facet, now) for shelf, _ in self._parts]
            each = {
                value: tuple(values.get(value) for values in shelves)
                for values in shelves
                for value in values
            }
            sizes = ((sum(map(len, filter(None, held))), value, held) for value, held in each.items())
            known = sorted(sizes, key=lambda one: -one[0])
            # These two change without anything new in a log.
            if facet not in (Facet.STATUS, Facet.TRUST):
                self.shown.values[facet] = known
        return known

    def count_one(self, facet: Facet, value: str, among: Sequence[BitMap], now: int) -> int:
        """How many of some entries have one value of a facet."""
        filters = Filters({facet: frozenset((value,))})
        return sum(len(found) for found in self.narrow(among, filters, now))

    def label(self, facet: Facet, value: str) -> str:
        """How a value is mostly spelled."""
        for shelf, _ in self._parts:
            if (label := shelf.label(facet, value)) != value:
                return label
        return value

    def ascending(self, by: By, among: Sequence[BitMap], after: Place | None, limit: int) -> list[Place]:
        """The first of some entries in an order, from behind a place on."""
        parts = (
            shelf.orders[by].ascending(found, shelf.items, after)
            for (shelf, _), found in zip(self._parts, among, strict=True)
            if found
        )
        return list(islice(merge(*parts), limit))

    def descending(self, by: By, among: Sequence[BitMap], after: Place | None, limit: int) -> list[Place]:
        """The same backwards."""
        parts = (
            shelf.orders[by].descending(found, shelf.items, after)
            for (shelf, _), found in zip(self._parts, among, strict=True)
            if found
        )
        return list(islice(merge(*parts, reverse=True), limit))

    def with_twins(self, keys: Iterable[int]) -> list[int]:
        """Those of some entries that stand in a log beside others that make the same statement."""
        items = [shelf.items for shelf, _ in self._parts]
        return [key for key in keys if any(key in known and known[key].twins for known in items)]

    def similar(self, word: str, limit: int) -> list[str]:
        """Words of visible logs that this one may have been meant to be, the best first."""
        if any(word in one.vocabulary for one in self._logs):
            return []
        found = sorted({pair for one in self._logs for pair in one.vocabulary.similar(word, limit)})
        return [candidate for _, candidate in found][:limit]

    @staticmethod
    def _joined(keys: Sequence[BitMap]) -> BitMap:
        return keys[0] if len(keys) == 1 else BitMap.union(*keys) if keys else BitMap()


def _commonest(counts: Iterable[tuple[str, int]], limit: int) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda item: (-item[1], item[0]))[:limit]


def _superseded(shelves: Sequence[Shelf]) -> list[BitMap]:
    """For each shelf its entries that are not the current ones of all shelves together."""
    hidden = [BitMap() for _ in shelves]
    # The largest shelf is only asked about what the others hold.
    largest = max(range(len(shelves)), key=lambda number: len(shelves[number].pairs))
    pairs = {pair for number, shelf in enumerate(shelves) if number != largest for pair in shelf.pairs}
    for pair in pairs:
        holders = [
            (shelf.items[shelf.pairs[pair]].precedence(), -number, shelf.pairs[pair])
            for number, shelf in enumerate(shelves)
            if pair in shelf.pairs
        ]
        # Among equals, which are one entry in several logs, the oldest log shows it.
        best = max(holders)
        for holder in holders:
            if holder is not best:
                hidden[-holder[1]].add(holder[2])
    return hidden
