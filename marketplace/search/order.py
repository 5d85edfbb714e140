"""Entries kept sorted, so that a page of any list is a short walk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pyroaring import BitMap

from marketplace.search.facts import Facts
from marketplace.search.text import fold

#: Fewer matching entries than this are sorted by themselves instead of walking past all others.
_FEW = 3000
#: More new places than this are put in by sorting anew.
_MANY = 500
#: Folded characters of a title that its place is decided by.
_TITLE_LENGTH = 80


class Place(NamedTuple):
    """Where an entry stands in an order; the key makes it unique."""

    value: Any
    entry_key: int


class By(StrEnum):
    """What an order goes by, ascending."""

    CREATED = "created"
    TITLE = "title"
    SIZE = "size"


def title_value(facts: Facts) -> tuple[bool, str]:
    """Titles compare folded; entries without one come last."""
    return not facts.title.strip(), fold(facts.title[:_TITLE_LENGTH]).strip()


VALUES: dict[By, Callable[[Facts], Any]] = {
    By.CREATED: lambda facts: facts.created,
    By.TITLE: title_value,
    By.SIZE: lambda facts: facts.size,
}


class Order:
    """The places of all entries of a shelf, ascending."""

    def __init__(self, value: Callable[[Facts], Any]) -> None:
        self.value = value
        self._places: list[Place] = []

    def place(self, facts: Facts) -> Place:
        """The place of an entry."""
        return Place(self.value(facts), facts.entry_key)

    def add(self, many: Iterable[Facts]) -> None:
        """Put entries in."""
        places = [self.place(facts) for facts in many]
        if len(places) > _MANY:
            self._places += places
            self._places.sort()
        else:
            for place in places:
                insort(self._places, place)

    def remove(self, facts: Facts) -> None:
        """Take an entry out."""
        place = self.place(facts)
        found = bisect_left(self._places, place)
        if found < len(self._places) and self._places[found] == place:
            del self._places[found]

    def between(self, low: Any, high: Any) -> Iterator[int]:
        """Keys of the entries with ``low <= value < high``."""
        first = bisect_left(self._places, low, key=lambda place: place.value)
        end = bisect_left(self._places, high, key=lambda place: place.value)
        return (place.entry_key for place in self._places[first:end])

    def ascending(self, among: BitMap, items: dict[int, Facts], after: Place | None) -> Iterator[Place]:
        """The places of some entries, from behind a place on."""
        places = self._near(among, items)
        start = 0 if after is None else bisect_right(places, after)
        return (places[i] for i in range(start, len(places)) if places[i].entry_key in among)

    def descending(self, among: BitMap, items: dict[int, Facts], after: Place | None) -> Iterator[Place]:
        """The same backwards."""
        places = self._near(among, items)
        start = len(places) if after is None else bisect_left(places, after)
        return (places[i] for i in range(start - 1, -1, -1) if places[i].entry_key in among)

    def _near(self, among: BitMap, items: dict[int, Facts]) -> list[Place]:
        # Sorting some entries takes longer than passing by the others, where these are few as well.
        if len(among) >= _FEW or 4 * len(among) >= len(self._places):
            return self._places
        return sorted(self.place(items[key]) for key in among)
