"""The entries that are current in some log, by what they themselves say.

An entry says the same whatever log it stands in, so there is one set of bitmaps for all logs. Not safe to
share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter

from pyroaring import BitMap

from marketplace.catalogue.facts import BY_LOG, SPELLED, VALUE_LENGTH, Facet, Facts, facet_value, facet_values
from marketplace.catalogue.loading import Loaded
from marketplace.catalogue.order import VALUES, By, Order
from marketplace.catalogue.texts import Texts
from marketplace.models.current import FOREVER
from marketplace.rules.status import Status

#: Where the values of a facet stand among those of an entry.
PLACES: Mapping[Facet, int] = {facet: place for place, facet in enumerate(SPELLED)}
_SPELLED_OF = attrgetter("spelled")


class Values:
    """Facts of entries, with bitmaps of keys for each value, orders, and the texts to look for words in."""

    def __init__(self) -> None:
        self.items: dict[int, Facts] = {}
        self.orders = {by: Order(VALUES[by]) for by in By}
        self.texts = Texts()
        self._by_value: dict[Facet, dict[str, BitMap]] = {facet: {} for facet in Facet}
        self._spellings: dict[tuple[Facet, str], Counter[str]] = {}
        self._deprecated = BitMap()
        self._expiring = Order(lambda facts: facts.valid_until)
        self._expired, self._expired_at = BitMap(), -FOREVER

    def put(self, many: Sequence[Loaded]) -> list[Facts]:
        """Hold those of some entries that are not held; ``arrange`` what it returns before anybody looks."""
        fresh = []
        keys: defaultdict[tuple[Facet, str], list[int]] = defaultdict(list)
        for one in many:
            facts, key = one.facts, one.facts.entry_key
            if key in self.items:
                continue
            fresh.append(facts)
            self.items[key] = facts
            self.texts.add(key, one.leading, one.search_text)
            if facts.deprecated:
                self._deprecated.add(key)
            if facts.expires and facts.valid_until < self._expired_at:
                self._expired.add(key)
            for (facet, value), spelling in _values_of(facts).items():
                keys[facet, value].append(key)
                self._spellings.setdefault((facet, value), Counter())[spelling] += 1
        for (facet, value), held in keys.items():
            self._by_value[facet].setdefault(value, BitMap()).update(held)
        return fresh

    def arrange(self, many: Sequence[Facts]) -> None:
        """Put entries that were put in into every order."""
        for order in self.orders.values():
            order.add(many)
        self._expiring.add(facts for facts in many if facts.expires)

    def remove(self, key: int) -> None:
        """Hold an entry no longer."""
        facts = self.items.pop(key)
        self.texts.remove(key)
        self._deprecated.discard(key)
        self._expired.discard(key)
        for order in (*self.orders.values(), self._expiring):
            order.remove(facts)
        for (facet, value), spelling in _values_of(facts).items():
            self._by_value[facet][value].discard(key)
            spellings = self._spellings[facet, value]
            spellings[spelling] -= 1
            if not spellings[spelling]:
                del spellings[spelling]
            if not self._by_value[facet][value]:
                del self._by_value[facet][value], self._spellings[facet, value]

    def values(self, facet: Facet) -> Mapping[str, BitMap]:
        """The values of a facet that entries themselves have, with their keys; treat them as frozen."""
        return self._by_value[facet]

    def status(self, status: Status, among: BitMap, now: int) -> BitMap:
        """Those of some entries that have a status at a moment."""
        if status is Status.DEPRECATED:
            return among & self._deprecated
        expired = self._expired_by(now)
        return among & expired if status is Status.EXPIRED else among - self._deprecated - expired

    def created(self, among: BitMap, first: int | None, before: int | None) -> BitMap:
        """Those of some entries that were created in a range."""
        low, high = -FOREVER if first is None else first, FOREVER if before is None else before
        return among & self.orders[By.CREATED].between(low, high)

    def expiring(self, among: BitMap, now: int, before: int) -> BitMap:
        """Those of some entries that are valid at a moment, and have expired at a later one."""
        return (among & self._expiring.between(now, before)) - self._deprecated

    def label(self, facet: Facet, value: str) -> str:
        """How most entries spell a value; the value itself where none has it."""
        spellings = self._spellings.get((facet, value))
        return min(spellings, key=lambda one: (-spellings[one], one)) if spellings else value

    def count_each(self, facet: Facet, among: BitMap) -> Counter[str]:
        """How many of some entries have each value of a facet, looking at each entry: for few of them."""
        totals: Counter[str] = Counter()
        spelled = map(itemgetter(PLACES[facet]), map(_SPELLED_OF, map(self.items.__getitem__, among)))
        # Entries share their values as objects, so there are fewer of these than entries.
        for values, count in Counter(spelled).items():
            for value in facet_values(facet, values):
                totals[value] += count
        return totals

    def _expired_by(self, now: int) -> BitMap:
        """Keys of the entries whose last valid second is past; the clock mostly moves a little ahead."""
        if now > self._expired_at:
            self._expired.update(self._expiring.between(self._expired_at, now))
        elif now < self._expired_at:
            self._expired.difference_update(self._expiring.between(now, self._expired_at))
        self._expired_at = now
        return self._expired


def _values_of(facts: Facts) -> dict[tuple[Facet, str], str]:
    """Each value of an entry once, with the spelling it has there."""
    found: dict[tuple[Facet, str], str] = {}
    for facet, spelled in zip(SPELLED, facts.spelled, strict=True):
        if facet not in BY_LOG:
            for spelling in spelled:
                found.setdefault((facet, facet_value(facet, spelling)), spelling.strip()[:VALUE_LENGTH])
    return found
