"""What a set of logs shows, as a picture that does not change while somebody looks at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import RLock

from pyroaring import BitMap

from marketplace.catalogue.facts import BY_LOG
from marketplace.catalogue.logs import CatalogueLog
from marketplace.catalogue.order import Rank, SortKey
from marketplace.catalogue.values import Values
from marketplace.facets import Facet
from marketplace.rules.columns import Direction
from marketplace.rules.current import unsuperseded
from validators.status import Status

#: So many entries are looked at in the time that the bitmap of one value takes.
_WALKED = 4
#: Images that are looked at by themselves; of more, all are.
_FEW = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What an entry must be: some chosen value of each facet, and created in a range.

    Args:
        chosen: values per facet, as ``facet_value`` gives them; a facet that is absent does not narrow.
        created_from: seconds since 1970, the first that counts.
        created_before: seconds since 1970, the first that counts no longer.
        expires_before: seconds since 1970; valid now, and not any more then.
    """

    chosen: Mapping[Facet, frozenset[str]]
    created_from: int | None = None
    created_before: int | None = None
    expires_before: int | None = None


class CatalogueView:
    """Several logs seen as one; get it from ``Catalogue.look``.

    Which entries it shows, and which log serves each, never changes. What the entries say does not either,
    and the catalogue keeps it for as long as somebody looks.

    Args:
        state: of the logs it was made of.
        lock: of the catalogue, held for each question.
        former: a view of the same logs in an earlier state, of which most is still true.
    """

    def __init__(
        self,
        state: object,
        logs: Sequence[CatalogueLog],
        values: Values,
        lock: RLock,
        former: CatalogueView | None = None,
    ) -> None:
        self.state = state
        self._logs, self._all, self._lock = tuple(logs), values, lock
        self._current, self._puts = [one.current for one in logs], [one.puts for one in logs]
        self._stands = [one.stand for one in logs]
        #: Of what is current in each log, what another one serves, or something newer there supersedes.
        self._hidden = _hidden(logs, values) if former is None else former._hidden_since(self._logs)
        #: What each log serves, so that every entry is served once.
        self._served = [current - hidden for current, hidden in zip(self._current, self._hidden, strict=True)]
        #: Keys of everything to be seen.
        self.shown = BitMap.union(*self._served) if logs else BitMap()
        self._of_logs = [{Facet.TRUST: one.marks.values, Facet.SIGNATURE: one.signatures} for one in logs]
        self._sorted: dict[Facet, Sequence[tuple[int, str, BitMap]]] = {}

    def current(self) -> dict[str, tuple[BitMap, Hashable]]:
        """What is current in each log that shows something; while the value beside it is the same, nothing
        that went has come back."""
        held = zip(self._logs, self._current, self._served, self._stands, strict=True)
        # Entries that went come back where rows are shown again, or a verdict changes.
        return {
            one.name: (current, (stand.revision, stand.renewals))
            for one, current, served, stand in held
            if served
        }

    def holding(self, matches: Mapping[str, BitMap]) -> BitMap:
        """Keys of everything to be seen that matches in the log that serves it, by names of logs."""
        held = [served & matches[one.name] for one, served in self._each() if one.name in matches]
        return BitMap.union(*held) if held else BitMap()

    def by_log(self, found: BitMap) -> dict[str, BitMap]:
        """Some entries by the names of the logs that serve them."""
        return {one.name: served & found for one, served in self._each()}

    def narrow(self, among: BitMap, filters: Filters, now: int, without: Facet | None = None) -> BitMap:
        """The entries, of those given, that pass the filters.

        Args:
            now: seconds since 1970; decides what has expired.
            without: a facet to leave out, as for counting its own values.
        """
        with self._lock:
            for facet, chosen in filters.chosen.items():
                if facet is Facet.STATUS and facet is not without:
                    wanted = (self._all.status(Status(value), among, now) for value in chosen)
                    among = BitMap.union(*wanted)
                elif facet is not without:
                    values = self._values(facet)
                    among = among & BitMap.union(*(values.get(value, BitMap()) for value in chosen))
            if filters.created_from is not None or filters.created_before is not None:
                among = self._all.created(among, filters.created_from, filters.created_before)
            if filters.expires_before is not None:
                among = self._all.expiring(among, now, filters.expires_before)
            return among

    def count(self, facet: Facet, among: BitMap, now: int, limit: int) -> list[tuple[str, int]]:
        """The commonest values of a facet among some entries with their counts, the commonest first."""
        with self._lock:
            if facet is Facet.STATUS:
                sizes = ((status.value, len(self._all.status(status, among, now))) for status in Status)
                return _commonest(((value, count) for value, count in sizes if count), limit)
            values = self._values(facet)
            if facet not in BY_LOG and len(among) < _WALKED * len(values):
                return _commonest(self._all.count_each(facet, among).items(), limit)
            best: list[tuple[str, int]] = []
            floor = 0
            for size, value, held in self._by_size(facet, values):
                # Of each value, no more than all its entries can be among those counted.
                if size < floor:
                    break
                if count := held.intersection_cardinality(among):
                    best.append((value, count))
                    if len(best) >= 2 * limit:
                        best = _commonest(best, limit)
                        floor = best[-1][1]
            return _commonest(best, limit)

    def count_one(self, facet: Facet, value: str, among: BitMap, now: int) -> int:
        """How many of some entries have one value of a facet."""
        return len(self.narrow(among, Filters({facet: frozenset((value,))}), now))

    def count_values(self, facet: Facet, among: BitMap, limit: int) -> int:
        """How many values of a facet some entries have, looking at the commonest ``limit`` values."""
        with self._lock:
            held = islice(self._by_size(facet, self._values(facet)), limit)
            return sum(1 for _, _, entries in held if entries.intersect(among))

    def label(self, facet: Facet, value: str) -> str:
        """How a value is mostly spelled."""
        with self._lock:
            return self._all.label(facet, value)

    def walk(
        self, by: SortKey, direction: Direction, among: BitMap, after: Rank | None, limit: int
    ) -> list[Rank]:
        """The places of the first of some entries in an order, from behind a place on."""
        with self._lock:
            return list(islice(self._all.orders[by].walk(direction, among, after), limit))

    def with_twins(self, keys: Iterable[int]) -> list[int]:
        """The given entries that may have a twin (the same statement, another certificate) in a log."""
        with self._lock:
            return [key for key in keys if any(key in one.twins for one in self._logs)]

    def similar(self, word: str, limit: int) -> list[str]:
        """Words of visible logs that this one may have been meant to be, the best first."""
        with self._lock:
            if any(word in one.vocabulary for one in self._logs):
                return []
            found = sorted({pair for one in self._logs for pair in one.vocabulary.similar(word, limit)})
            return [candidate for _, candidate in found][:limit]

    def _hidden_since(self, logs: tuple[CatalogueLog, ...]) -> list[BitMap]:
        """What is hidden of each log by now, looking only at the images about which something came."""
        if any(one is not other for one, other in zip(logs, self._logs, strict=True)):
            return _hidden(logs, self._all)  # one was read anew
        images = set[bytes]()
        for one, puts in zip(logs, self._puts, strict=True):
            if one.puts > puts + 1:
                return _hidden(logs, self._all)  # only the last images are known
            if one.puts > puts:
                images |= one.latest
        if len(images) > _FEW:
            return _hidden(logs, self._all)
        hidden = list(self._hidden)
        if len(logs) > 1 and images:
            held = defaultdict[bytes, list[tuple[int, int]]](list)
            for number, one in enumerate(logs):
                for image, keys in self._all.images.find_many(images, one.current).items():
                    held[image] += ((number, key) for key in keys)
            _hide(logs, held, hidden)
        return hidden

    def _each(self) -> Iterable[tuple[CatalogueLog, BitMap]]:
        return zip(self._logs, self._served, strict=True)

    def _values(self, facet: Facet) -> Mapping[str, BitMap]:
        if facet not in BY_LOG:
            return self._all.values(facet)
        if len(self._logs) == 1:
            return self._of_logs[0][facet]
        found: dict[str, BitMap] = {}
        for values, served in zip(self._of_logs, self._served, strict=True):
            for value, held in values[facet].items():
                if both := held & served:
                    found[value] = found[value] | both if value in found else both
        return found

    def _by_size(self, facet: Facet, values: Mapping[str, BitMap]) -> Sequence[tuple[int, str, BitMap]]:
        """The values of a facet with how many entries have each, hidden ones too; the commonest first."""
        known = self._sorted.get(facet)
        if known is None:
            sizes = ((len(held), value, held) for value, held in values.items())
            known = self._sorted[facet] = sorted(sizes, key=lambda one: -one[0])
        return known


def _commonest(counts: Iterable[tuple[str, int]], limit: int) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda item: (-item[1], item[0]))[:limit]


def _hidden(logs: Sequence[CatalogueLog], values: Values) -> list[BitMap]:
    """For each log what is current there and not shown: of all logs together, every entry is shown once."""
    hidden = [BitMap() for _ in logs]
    if len(logs) < 2:
        return hidden
    largest = max(range(len(logs)), key=lambda number: len(logs[number].current))
    # The largest log is only asked about what the others hold, and each of them is walked once.
    held = defaultdict[bytes, list[tuple[int, int]]](list)
    for number, one in enumerate(logs):
        if number != largest:
            for key in one.current:
                held[values.items.image(key)].append((number, key))
    for image, keys in values.images.find_many(held, logs[largest].current).items():
        held[image] += ((largest, key) for key in keys)
    _hide(logs, held, hidden)
    return hidden


def _hide(
    logs: Sequence[CatalogueLog], held: Mapping[bytes, Sequence[tuple[int, int]]], hidden: list[BitMap]
) -> None:
    """Settle what is hidden of some images, and leave everything else as it was.

    Args:
        held: by image, what is current of it, each with the number of the log.
        hidden: of each log; what changes is replaced.
    """
    gone: defaultdict[int, BitMap] = defaultdict(BitMap)
    for places in held.values():
        if len(places) < 2 or len({number for number, _ in places}) < 2:
            continue
        # Of one entry in several logs the oldest log's claim comes first, and stays.
        claims = [logs[number].claim(key, (number, key)) for number, key in sorted(places)]
        stay = {claim.entry for claim in unsuperseded(claims)}
        for number, key in (claim.entry for claim in claims):
            if (number, key) not in stay:
                gone[number].add(key)
    settled = BitMap([key for places in held.values() for _, key in places])
    for number, former in enumerate(hidden):
        if number in gone or former.intersect(settled):
            hidden[number] = (former - settled) | gone[number]
