"""The entries that are current in some log, by what they themselves say.

An entry says the same whatever log it stands in, so there is one set of bitmaps for all logs. Not safe to
share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyroaring import BitMap

from marketplace.catalogue.facts import COLUMNS, SPELLED, Facts, facet_value, values_of
from marketplace.catalogue.images import Images
from marketplace.catalogue.order import Order, Rank, SortKey
from marketplace.catalogue.sections import Reader, Writer
from marketplace.catalogue.table import FactsTable
from marketplace.catalogue.texts import Texts
from marketplace.facets import Facet
from marketplace.models.current import FOREVER
from marketplace.rules.columns import Column, fold
from validators.status import Status


class Values:
    """Facts of entries, with bitmaps of keys for each value, orders, and the texts to look for words in."""

    def __init__(self) -> None:
        self._hold(FactsTable())
        self.texts = Texts()
        self._by_value: dict[Facet, dict[str, BitMap]] = {facet: {} for facet in Facet}
        self._spellings: dict[tuple[Facet, str], Counter[str]] = {}
        self._deprecated = BitMap()
        self._expired, self._expired_at = BitMap(), -FOREVER

    def _hold(self, table: FactsTable) -> None:
        self.items = table
        self.orders = {
            SortKey.CREATED: _order(table, table.created),
            SortKey.TITLE: _order(table, table.title),
            SortKey.SIZE: _order(table, table.size),
        }
        self._expiring = _order(table, table.valid_until)
        self.images = Images(table)

    def put(self, many: Sequence[Facts]) -> list[int]:
        """Hold those of some entries that are not held; ``arrange`` what it returns before anybody looks."""
        fresh = []
        keys: defaultdict[tuple[Facet, tuple[str, ...]], list[int]] = defaultdict(list)
        for facts in many:
            key = facts.entry_key
            if key in self.items:
                continue
            fresh.append(key)
            self.items.put(facts)
            self.texts.add(key, facts.search_text)
            if facts.deprecated:
                self._deprecated.add(key)
            if facts.expires and facts.valid_until < self._expired_at:
                self._expired.add(key)
            for facet, spelled in zip(SPELLED, facts.spelled, strict=True):
                if spelled:
                    keys[facet, spelled].append(key)
        for (facet, spelled), holding in keys.items():
            for value, spelling in values_of(facet, spelled).items():
                self._by_value[facet].setdefault(value, BitMap()).update(holding)
                self._spellings.setdefault((facet, value), Counter())[spelling] += len(holding)
        return fresh

    def arrange(self, keys: Sequence[int]) -> None:
        """Put entries that were put in into every order, and have them found by their images."""
        self.images.add(keys)
        for order in self.orders.values():
            order.add(keys)
        self._expiring.add(filter(self.items.expires, keys))

    def remove(self, key: int) -> None:
        """Hold an entry no longer."""
        for order in (*self.orders.values(), self._expiring):
            order.remove(key)
        self.texts.remove(key)
        self._deprecated.discard(key)
        self._expired.discard(key)
        for facet in SPELLED:
            for value, spelling in values_of(facet, self.items.spelled(facet, key)).items():
                self._by_value[facet][value].discard(key)
                spellings = self._spellings[facet, value]
                spellings[spelling] -= 1
                if not spellings[spelling]:
                    del spellings[spelling]
                if not self._by_value[facet][value]:
                    del self._by_value[facet][value], self._spellings[facet, value]
        self.items.remove(key)

    def values(self, facet: Facet) -> Mapping[str, BitMap]:
        """The values of a facet that entries themselves have, with their keys; treat them as frozen."""
        return self._by_value[facet]

    def find(self, column: Column | None, word: str, among: BitMap) -> tuple[BitMap, BitMap]:
        """Which of some entries hold a word, in a column or anywhere; the word is folded, as columns are.

        How long it takes depends on these entries, or on all that there are: never on others alone.

        Returns:
            those that hold it, and those that must be asked in the database.
        """
        if column is None:
            return self.texts.find(word, among)
        if not word.strip():
            return BitMap(), among  # facets have no value that is blank
        facet, holds = COLUMNS[column], defaultdict[str, set[bool]](set)
        for spelled, _ in self.items.pool(facet).used():
            for spelling in spelled:
                holds[facet_value(facet, spelling)].add(word in fold(spelling))
        found = BitMap()
        for value, answers in holds.items():
            if True in answers:
                held = self._by_value[facet][value] & among
                # Its spellings differ, as by an accent, and not all of them hold the word.
                found |= (
                    held
                    if False not in answers
                    else BitMap([key for key in held if word in fold(self.items.spelled(facet, key)[0])])
                )
        return found, BitMap()

    def status(self, status: Status, among: BitMap, now: int) -> BitMap:
        """The entries, of those given, that have a status at a moment."""
        if status is Status.DEPRECATED:
            return among & self._deprecated
        expired = self._expired_by(now)
        return among & expired if status is Status.EXPIRED else among - self._deprecated - expired

    def created(self, among: BitMap, first: int | None, before: int | None) -> BitMap:
        """The entries, of those given, that were created in a range."""
        low, high = -FOREVER if first is None else first, FOREVER if before is None else before
        return among & self.orders[SortKey.CREATED].between(low, high)

    def expiring(self, among: BitMap, now: int, before: int) -> BitMap:
        """The entries, of those given, that are valid at a moment and have expired at a later one."""
        return (among & self._expiring.between(now, before)) - self._deprecated

    def label(self, facet: Facet, value: str) -> str:
        """How most entries spell a value; the value itself where none has it."""
        spellings = self._spellings.get((facet, value))
        return min(spellings, key=lambda one: (-spellings[one], one)) if spellings else value

    def count_each(self, facet: Facet, among: BitMap) -> Counter[str]:
        """How many of some entries have each value of a facet, looking at each entry: for few of them."""
        totals: Counter[str] = Counter()
        # Entries share their values, so there are fewer of these than entries.
        for spelled, count in Counter(self.items.spelled(facet, key) for key in among).items():
            for value in values_of(facet, spelled):
                totals[value] += count
        return totals

    def write(self, writer: Writer) -> None:
        """Write everything to a file but what the clock decides."""
        self.items.write(writer)
        for by, order in self.orders.items():
            order.write(f"order.{by}", writer)
        self._expiring.write("order.expiring", writer)
        self.images.write(writer)
        for facet in SPELLED:
            writer.named(f"values.{facet}", self._by_value[facet])
        writer.bitmaps("deprecated", [self._deprecated])
        self.texts.write(writer)

    def read(self, reader: Reader) -> None:
        """Take the values of a file."""
        self._hold(FactsTable.read(reader))
        for by, order in self.orders.items():
            order.read(f"order.{by}", reader)
        self._expiring.read("order.expiring", reader)
        self.images.read(reader)
        for facet in SPELLED:
            self._by_value[facet] = reader.named(f"values.{facet}")
            for spelled, uses in self.items.pool(facet).used():
                for value, spelling in values_of(facet, spelled).items():
                    self._spellings.setdefault((facet, value), Counter())[spelling] += uses
        (self._deprecated,) = reader.bitmaps("deprecated")
        self.texts.read(reader)

    def _expired_by(self, now: int) -> BitMap:
        """Keys of the entries whose last valid second is past; the clock mostly moves a little ahead."""
        if now > self._expired_at:
            self._expired.update(self._expiring.between(self._expired_at, now))
        elif now < self._expired_at:
            self._expired.difference_update(self._expiring.between(now, self._expired_at))
        self._expired_at = now
        return self._expired


def _order(table: FactsTable, value: Callable[[int], Any]) -> Order:
    return Order(lambda key: Rank(value(key), table.number(key), key))
