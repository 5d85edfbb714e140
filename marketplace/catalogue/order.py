"""Entries kept sorted, so that a page of any list is a short walk."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pyroaring import BitMap

from marketplace.catalogue.facts import Facts
from marketplace.catalogue.text import fold

#: Places in a chunk.
_CHUNK = 512
#: So few entries are compared with each other instead of being looked for in every chunk.
_FEW = 100
#: So many places of a chunk are passed by in the time that comparing one entry with others takes.
_PASSED = 8
#: More new places than this are put in by sorting anew.
_MANY = 500
#: Folded characters of a title that its place is decided by.
_TITLE_LENGTH = 80


class Place(NamedTuple):
    """Where an entry stands in an order.

    Its id breaks ties. The key never does: it tells when an entry first came, also
    if nobody but a group saw it then.
    """

    value: Any
    entry_number: int
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


class _Chunk:
    """Some places that follow each other, ascending, and the keys of their entries."""

    __slots__ = ("keys", "places")

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.keys = BitMap([place.entry_key for place in places])


class Order:
    """The places of many entries, ascending.

    They are kept in chunks, so that a list of a few entries passes by all others of a
    chunk with one look.
    """

    def __init__(self, value: Callable[[Facts], Any]) -> None:
        self.value = value
        self._chunks: list[_Chunk] = []

    def place(self, facts: Facts) -> Place:
        """The place of an entry."""
        return Place(self.value(facts), facts.entry_number, facts.entry_key)

    def add(self, many: Iterable[Facts]) -> None:
        """Put entries in."""
        places = [self.place(facts) for facts in many]
        if len(places) <= _MANY and self._chunks:
            for place in places:
                self._insert(place)
        else:
            places += (place for chunk in self._chunks for place in chunk.places)
            places.sort()
            self._chunks = [_Chunk(places[i : i + _CHUNK]) for i in range(0, len(places), _CHUNK)]

    def remove(self, facts: Facts) -> None:
        """Take an entry out."""
        place = self.place(facts)
        number = self._number(place)
        if number == len(self._chunks) or place.entry_key not in self._chunks[number].keys:
            return
        chunk = self._chunks[number]
        del chunk.places[bisect_left(chunk.places, place)]
        chunk.keys.remove(place.entry_key)
        if not chunk.places:
            del self._chunks[number]

    def between(self, low: Any, high: Any) -> BitMap:
        """Keys of the entries with ``low <= value < high``."""
        whole, rest = list[BitMap](), BitMap()
        for chunk in self._chunks[self._number(Place(low, -1, -1)) :]:
            first, last = chunk.places[0].value, chunk.places[-1].value
            if first >= high:
                break
            if low <= first and last < high:
                whole.append(chunk.keys)
            else:
                rest.update([place.entry_key for place in chunk.places if low <= place.value < high])
        return BitMap.union(rest, *whole)

    def ascending(self, among: BitMap, items: dict[int, Facts], after: Place | None) -> Iterator[Place]:
        """The places of some entries, from behind a place on."""
        if len(among) <= _FEW:
            places = iter(sorted(self.place(items[key]) for key in among))
        else:
            chunks = self._chunks if after is None else self._chunks[self._number(after) :]
            places = (place for chunk in chunks for place in self._some(chunk, among, items))
        return places if after is None else (place for place in places if place > after)

    def descending(self, among: BitMap, items: dict[int, Facts], after: Place | None) -> Iterator[Place]:
        """The same backwards."""
        if len(among) <= _FEW:
            places = iter(sorted((self.place(items[key]) for key in among), reverse=True))
        else:
            chunks = self._chunks if after is None else self._chunks[: self._number(after) + 1]
            places = (
                place for chunk in reversed(chunks) for place in reversed(self._some(chunk, among, items))
            )
        return places if after is None else (place for place in places if place < after)

    def _number(self, place: Place) -> int:
        """Of the first chunk that ends at a place or behind it; their count where none does."""
        return bisect_left(self._chunks, place, key=lambda chunk: chunk.places[-1])

    def _insert(self, place: Place) -> None:
        number = min(self._number(place), len(self._chunks) - 1)
        chunk = self._chunks[number]
        insort(chunk.places, place)
        chunk.keys.add(place.entry_key)
        if len(chunk.places) > 2 * _CHUNK:
            halves = chunk.places[:_CHUNK], chunk.places[_CHUNK:]
            self._chunks[number : number + 1] = map(_Chunk, halves)

    def _some(self, chunk: _Chunk, among: BitMap, items: dict[int, Facts]) -> list[Place]:
        """The places of some entries in a chunk, ascending."""
        here = chunk.keys & among
        if _PASSED * len(here) < len(chunk.places):
            return sorted(self.place(items[key]) for key in here)
        return [place for place in chunk.places if place.entry_key in here]
