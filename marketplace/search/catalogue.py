"""Current entries of every log in memory, following the logs: who may see what, and lists without words.

Each process has a catalogue of its own. It holds nothing that the database
does not, so it is simply read at start, and caught up before it answers.
"""

from __future__ import annotations

import gc
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from threading import RLock

from pyroaring import BitMap
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.entries.visibility import Scope
from marketplace.models import Log
from marketplace.search.facts import Facet
from marketplace.search.loading import load_current
from marketplace.search.marks import REVISION, Judged, load_judged
from marketplace.search.order import By, Place
from marketplace.search.shelf import Filters, Shelf
from marketplace.search.vocabulary import Vocabulary

_HEADS = (
    select(Log.id, Log.name, Log.next_sequence, Log.revision, REVISION)
    .where(Log.name.in_(bindparam("names", expanding=True)))
    .order_by(Log.id)
)

#: More entries read at once than this are kept from the garbage collector.
_FROZEN = 5000

#: Sets of readers' logs whose hidden entries are remembered.
_REMEMBERED = 64


@dataclass(slots=True)
class _Followed:
    """A log as far as it was read."""

    name: str
    shelf: Shelf
    revision: int
    position: int = 0
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


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
        self._hidden: OrderedDict[tuple[tuple[int, int, int], ...], list[BitMap]] = OrderedDict()

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
            yield View([one for _, one in logs], self._hidden_in(logs))

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

    def _hidden_in(self, logs: Sequence[tuple[int, _Followed]]) -> list[BitMap]:
        """For each log, its current entries that another of the logs supersedes or shows already."""
        if len(logs) < 2:
            return [BitMap() for _ in logs]
        known = tuple((key, one.revision, one.position) for key, one in logs)
        if known not in self._hidden:
            self._hidden[known] = _superseded([one.shelf for _, one in logs])
            while len(self._hidden) > _REMEMBERED:
                self._hidden.popitem(last=False)
        self._hidden.move_to_end(known)
        return self._hidden[known]


class View:
    """Several shelves seen as one. Every entry is on one of them, so counts and lists add up."""

    def __init__(self, logs: Sequence[_Followed], hidden: Sequence[BitMap]) -> None:
        self._logs = logs
        self._visible = [one.shelf.everything() - gone if gone else one.shelf.everything()
                         for one, gone in zip(logs, hidden, strict=True)]  # fmt: skip

    @property
    def logs(self) -> list[str]:
        """Names of the logs, the oldest first; the other answers are in this order."""
        return [one.name for one in self._logs]

    def visible(self) -> list[BitMap]:
        """Keys of everything to be seen, log by log; treat them as frozen."""
        return self._visible

    def narrow(
        self, among: Sequence[BitMap], filters: Filters, now: int, without: Facet | None = None
    ) -> list[BitMap]:
        """Those of some entries that pass the filters, all of them or all but one facet's."""
        narrowed = []
        for one, found in zip(self._logs, among, strict=True):
            for part in one.shelf.select(filters, now, without):
                found = found & part
            narrowed.append(found)
        return narrowed

    def count(self, facet: Facet, among: Sequence[BitMap], now: int, limit: int) -> list[tuple[str, int]]:
        """The commonest values of a facet among some entries with their counts, the commonest first."""
        totals: Counter[str] = Counter()
        # Over several logs only all counts together tell which values are the commonest.
        each = limit if len(self._logs) == 1 else None
        for one, found in zip(self._logs, among, strict=True):
            if found:
                totals.update(one.shelf.count(facet, found, now, each))
        return sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def count_one(self, facet: Facet, value: str, among: Sequence[BitMap], now: int) -> int:
        """How many of some entries have one value of a facet."""
        filters = Filters({facet: frozenset((value,))})
        return sum(len(found) for found in self.narrow(among, filters, now))

    def label(self, facet: Facet, value: str) -> str:
        """How a value is mostly spelled."""
        for one in self._logs:
            if (label := one.shelf.label(facet, value)) != value:
                return label
        return value

    def ascending(self, by: By, among: Sequence[BitMap], after: Place | None, limit: int) -> list[Place]:
        """The first of some entries in an order, from behind a place on."""
        parts = (
            one.shelf.orders[by].ascending(found, one.shelf.items, after)
            for one, found in zip(self._logs, among, strict=True)
        )
        return list(islice(merge(*parts), limit))

    def descending(self, by: By, among: Sequence[BitMap], after: Place | None, limit: int) -> list[Place]:
        """The same backwards."""
        parts = (
            one.shelf.orders[by].descending(found, one.shelf.items, after)
            for one, found in zip(self._logs, among, strict=True)
        )
        return list(islice(merge(*parts, reverse=True), limit))

    def similar(self, word: str, limit: int) -> list[str]:
        """Words of visible logs that this one may have been meant to be, the best first."""
        if any(word in one.vocabulary for one in self._logs):
            return []
        found = sorted({pair for one in self._logs for pair in one.vocabulary.similar(word, limit)})
        return [candidate for _, candidate in found][:limit]


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
