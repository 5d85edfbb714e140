"""The current entries of one log as bitmaps: what narrows, counts and sorts a list in no time.

A shelf is not safe to share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from pyroaring import BitMap

from marketplace.models.current import FOREVER
from marketplace.rules.status import Status
from marketplace.search.facts import SPELLED, VALUE_LENGTH, Facet, Facts, facet_value, facet_values
from marketplace.search.marks import Judged, Marks
from marketplace.search.order import VALUES, By, Order

#: Where the values of a facet stand among those of an entry.
SPELLED_PLACES: Mapping[Facet, int] = {facet: place for place, facet in enumerate(SPELLED)}
#: Seconds of the bitmaps of creation times; ranges are put together of whole ones and two cut ones.
_SPAN = 30 * 86_400
_SPELLED_OF = attrgetter("spelled")


@dataclass(frozen=True, slots=True)
class Filters:
    """What an entry must be: some chosen value of each facet, and created in a range.

    Args:
        chosen: values per facet, as ``facet_value`` gives them; a facet that is absent does not narrow.
        created_from: seconds since 1970, the first that counts.
        created_before: seconds since 1970, the first that counts no longer.
    """

    chosen: Mapping[Facet, frozenset[str]]
    created_from: int | None = None
    created_before: int | None = None


class Shelf:
    """The current entries of a log.

    Args:
        verdicts: on certificates, by their keys; tell ``judge`` what changes in it.
    """

    def __init__(self, verdicts: Mapping[int, Judged]) -> None:
        self.items: dict[int, Facts] = {}
        self._marks = Marks(verdicts)
        #: The current entry of each image and endorser.
        self.pairs: dict[tuple[str, str], int] = {}
        self.orders = {by: Order(VALUES[by]) for by in By}
        self._all = BitMap()
        self._deprecated = BitMap()
        self._values: dict[Facet, dict[str, BitMap]] = {facet: {} for facet in Facet}
        self._values[Facet.TRUST] = self._marks.values
        self._spellings: dict[Facet, dict[str, Counter[str]]] = {facet: {} for facet in Facet}
        self._spans: dict[int, BitMap] = {}
        self._expiring = Order(lambda facts: facts.valid_until)
        self._expired = BitMap()
        self._expired_at = -FOREVER

    def put(self, many: Sequence[Facts]) -> None:
        """Put current entries in; each takes the place of its image's and endorser's earlier one."""
        fresh = {(facts.identifier, facts.email): facts for facts in many}
        for pair in fresh:
            if pair in self.pairs:
                self._remove(self.items[self.pairs[pair]])
        for pair, facts in fresh.items():
            self.pairs[pair] = facts.entry_key
            self.items[facts.entry_key] = facts
            self._add(facts)
        for order in self.orders.values():
            order.add(fresh.values())
        self._expiring.add(facts for facts in fresh.values() if facts.expires)

    def keep(self, all_of_them: Sequence[Facts]) -> None:
        """Hold exactly these entries, of which most are held already."""
        wanted = {facts.entry_key: facts for facts in all_of_them}
        gone = [facts for key, facts in self.items.items() if wanted.get(key) is not facts]
        for facts in gone:
            del self.pairs[facts.identifier, facts.email]
            self._remove(facts)
        self.put([facts for key, facts in wanted.items() if key not in self.items])

    def judge(self, certificates: Iterable[int]) -> None:
        """Mark the entries of certificates whose verdicts changed."""
        self._marks.judge(certificates, self.items)

    def everything(self) -> BitMap:
        """Keys of all entries; treat it as frozen."""
        return self._all

    def select(self, filters: Filters, now: int, without: Facet | None = None) -> list[BitMap]:
        """What has to be intersected to apply the filters, smallest first.

        Args:
            now: seconds since 1970; decides what has expired.
            without: a facet to leave out, as for counting its own values.
        """
        parts = [
            self._any_of(facet, values, now)
            for facet, values in filters.chosen.items()
            if facet is not without
        ]
        if filters.created_from is not None or filters.created_before is not None:
            parts.append(self._created(filters.created_from, filters.created_before))
        return sorted(parts, key=len)

    def values(self, facet: Facet, now: int) -> Mapping[str, BitMap]:
        """The values of a facet with the keys of their entries; treat them as frozen."""
        if facet is Facet.STATUS:
            return {status.value: self.status(status, now) for status in Status}
        return self._values[facet]

    def count_each(self, facet: Facet, among: BitMap) -> Counter[str]:
        """How many of some entries have each value of a facet, looking at each entry: for few of them."""
        totals: Counter[str] = Counter()
        spelled = map(itemgetter(SPELLED_PLACES[facet]), map(_SPELLED_OF, map(self.items.__getitem__, among)))
        # Entries share their values as objects, so there are fewer of these than entries.
        for values, count in Counter(spelled).items():
            for value in facet_values(facet, values):
                totals[value] += count
        return totals

    def label(self, facet: Facet, value: str) -> str:
        """How most entries spell a value; the value itself where none has it."""
        spellings = self._spellings[facet].get(value)
        if not spellings:
            return value
        if len(spellings) == 1:
            return next(iter(spellings))
        return min(spellings, key=lambda spelled: (-spellings[spelled], spelled))

    def status(self, status: Status, now: int) -> BitMap:
        """Keys of the entries of a status at a moment."""
        if status is Status.DEPRECATED:
            return self._deprecated
        expired = self._expired_by(now)
        if status is Status.EXPIRED:
            return expired
        return self._all - self._deprecated - expired

    def _add(self, facts: Facts) -> None:
        key = facts.entry_key
        self._all.add(key)
        self._marks.add(facts)
        if facts.deprecated:
            self._deprecated.add(key)
        self._spans.setdefault(facts.created // _SPAN, BitMap()).add(key)
        if facts.expires and facts.valid_until < self._expired_at:
            self._expired.add(key)
        for (facet, value), spelling in _values_of(facts).items():
            self._values[facet].setdefault(value, BitMap()).add(key)
            self._spellings[facet].setdefault(value, Counter())[spelling] += 1

    def _remove(self, facts: Facts) -> None:
        key = facts.entry_key
        del self.items[key]
        self._marks.remove(facts)
        for held in (self._all, self._deprecated, self._expired, self._spans[facts.created // _SPAN]):
            held.discard(key)
        for order in self.orders.values():
            order.remove(facts)
        self._expiring.remove(facts)
        for (facet, value), spelling in _values_of(facts).items():
            self._values[facet][value].discard(key)
            spellings = self._spellings[facet][value]
            spellings[spelling] -= 1
            if not spellings[spelling]:
                del spellings[spelling]
            if not self._values[facet][value]:
                del self._values[facet][value], self._spellings[facet][value]

    def _any_of(self, facet: Facet, values: Iterable[str], now: int) -> BitMap:
        found = BitMap()
        for value in values:
            if facet is Facet.STATUS:
                found = found | self.status(Status(value), now)
            else:
                found = found | self._values[facet].get(value, BitMap())
        return found

    def _created(self, first: int | None, before: int | None) -> BitMap:
        low = 0 if first is None else first
        whole = [
            held
            for span, held in self._spans.items()
            if (first is None or span * _SPAN >= first) and (before is None or (span + 1) * _SPAN <= before)
        ]
        found = BitMap.union(*whole) if whole else BitMap()
        edges = {edge // _SPAN for edge in (first, before) if edge is not None}
        order = self.orders[By.CREATED]
        for span in edges:
            start = span * _SPAN if first is None else max(low, span * _SPAN)
            end = (span + 1) * _SPAN if before is None else min(before, (span + 1) * _SPAN)
            found.update(order.between(start, max(start, end)))
        return found

    def _expired_by(self, now: int) -> BitMap:
        """Keys of the entries whose last valid second is past; the clock mostly moves a little ahead."""
        if now > self._expired_at:
            self._expired.update(self._expiring.between(self._expired_at, now))
        elif now < self._expired_at:
            self._expired.difference_update(BitMap(self._expiring.between(now, self._expired_at)))
        self._expired_at = now
        return self._expired


def _values_of(facts: Facts) -> dict[tuple[Facet, str], str]:
    """Each value of an entry once, with the spelling it has there."""
    found: dict[tuple[Facet, str], str] = {}
    for facet, spelled in zip(SPELLED, facts.spelled, strict=True):
        for spelling in spelled:
            found.setdefault((facet, facet_value(facet, spelling)), spelling.strip()[:VALUE_LENGTH])
    return found
