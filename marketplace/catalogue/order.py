"""Entries kept sorted, so that a page of any list is a short walk."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pyroaring import BitMap

from marketplace.catalogue.sections import Numbers, Reader, Writer
from marketplace.rules.columns import Direction

#: Entries in a chunk.
_CHUNK = 512
#: So few entries are compared with each other instead of being looked for in every chunk.
_FEW = 100
#: So many entries of a chunk are passed by in the time that comparing one entry with others takes.
_PASSED = 8
#: More new entries than this are put in by sorting anew.
_MANY = 500


class Rank(NamedTuple):
    """Where an entry stands in an order.

    Its id breaks ties. The key never does: it tells when an entry first came, also
    if nobody but a group saw it then.
    """

    value: Any
    entry_number: int
    entry_key: int


class SortKey(StrEnum):
    """What an order goes by, ascending."""

    CREATED = "created"
    TITLE = "title"
    SIZE = "size"


class _Chunk:
    """Keys of entries that follow each other, ascending, as they stand and as a set."""

    __slots__ = ("first", "keys", "last", "ordered")

    def __init__(self, ordered: Numbers, rank_of: Callable[[int], Rank]) -> None:
        #: In memory, or in a file that was read, until something changes.
        self.ordered = ordered
        self.keys = BitMap(ordered)
        self.look(rank_of)

    def own(self) -> array[int]:
        """The keys as they stand, in memory to be changed."""
        if not isinstance(self.ordered, array):
            self.ordered = array("I", self.ordered)
        return self.ordered

    def look(self, rank_of: Callable[[int], Rank]) -> None:
        """Note the places of the first and the last one."""
        self.first, self.last = rank_of(self.ordered[0]), rank_of(self.ordered[-1])


class Order:
    """Many entries in the order of their places, ascending.

    They are kept in chunks, so that a list of a few entries passes by all others of a
    chunk with one look.

    Args:
        rank_of: of an entry, by its key.
    """

    def __init__(self, rank_of: Callable[[int], Rank]) -> None:
        self.place = rank_of
        self._chunks: list[_Chunk] = []

    def add(self, keys: Iterable[int]) -> None:
        """Put entries in."""
        fresh = list(keys)
        if len(fresh) <= _MANY and self._chunks:
            for key in fresh:
                self._insert(key)
        else:
            for chunk in self._chunks:
                fresh += chunk.ordered
            fresh.sort(key=self.place)
            self._cut(array("I", fresh))

    def remove(self, key: int) -> None:
        """Take an entry out, whose place is still known."""
        place = self.place(key)
        number = self._number(place)
        if number == len(self._chunks) or key not in self._chunks[number].keys:
            return
        chunk = self._chunks[number]
        del chunk.own()[bisect_left(chunk.ordered, place, key=self.place)]
        chunk.keys.remove(key)
        if chunk.ordered:
            chunk.look(self.place)
        else:
            del self._chunks[number]

    def between(self, low: Any, high: Any) -> BitMap:
        """Keys of the entries with ``low <= value < high``."""
        whole, rest = list[BitMap](), BitMap()
        for chunk in self._chunks[self._number(Rank(low, -1, -1)) :]:
            first, last = chunk.first.value, chunk.last.value
            if first >= high:
                break
            if low <= first and last < high:
                whole.append(chunk.keys)
            else:
                rest.update([key for key in chunk.ordered if low <= self.place(key).value < high])
        return BitMap.union(rest, *whole)

    def walk(self, direction: Direction, among: BitMap, after: Rank | None) -> Iterator[Rank]:
        """The places of some entries, from behind a place on."""
        step = 1 if direction is Direction.ASCENDING else -1
        if len(among) <= _FEW:
            places = iter(sorted(map(self.place, among), reverse=step < 0))
        else:
            chunks = self._chunks
            if after is not None:
                number = self._number(after)
                chunks = chunks[number:] if step > 0 else chunks[: number + 1]
            places = (place for chunk in chunks[::step] for place in self._some(chunk, among, step))
        if after is None:
            return places
        is_behind = after.__lt__ if step > 0 else after.__gt__
        return filter(is_behind, places)

    def write(self, name: str, writer: Writer) -> None:
        """Write the order to a file."""
        ordered = array("I")
        for chunk in self._chunks:
            ordered.frombytes(memoryview(chunk.ordered).cast("B"))
        writer.numbers(name, ordered)

    def read(self, name: str, reader: Reader) -> None:
        """Take the order of a file, of entries whose places are known."""
        self._cut(reader.view(name, "I"))

    def _cut(self, ordered: Numbers) -> None:
        starts = range(0, len(ordered), _CHUNK)
        self._chunks = [_Chunk(ordered[start : start + _CHUNK], self.place) for start in starts]

    def _number(self, rank: Rank) -> int:
        """Of the first chunk that ends at a place or behind it; their count where none does."""
        return bisect_left(self._chunks, rank, key=lambda chunk: chunk.last)

    def _insert(self, key: int) -> None:
        number = min(self._number(self.place(key)), len(self._chunks) - 1)
        chunk = self._chunks[number]
        insort(chunk.own(), key, key=self.place)
        chunk.keys.add(key)
        chunk.look(self.place)
        if len(chunk.ordered) > 2 * _CHUNK:
            halves = chunk.ordered[:_CHUNK], chunk.ordered[_CHUNK:]
            self._chunks[number : number + 1] = [_Chunk(half, self.place) for half in halves]

    def _some(self, chunk: _Chunk, among: BitMap, step: int) -> Iterator[Rank]:
        """The places of some entries in a chunk, ascending; descending where the step is -1."""
        here = chunk.keys & among
        if _PASSED * len(here) < len(chunk.ordered):
            return iter(sorted(map(self.place, here), reverse=step < 0))
        # Mostly a page is full before the chunk ends, so no place is made before it is asked for.
        return (self.place(key) for key in chunk.ordered[::step] if key in here)
