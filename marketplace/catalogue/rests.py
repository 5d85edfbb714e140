"""What is left of many texts, and which of them hold a word: looked through in blocks that may hold it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from pyroaring import BitMap

from marketplace.catalogue.sections import DamagedError, Reader, Writer
from marketplace.models.current import SEPARATOR

#: Texts of a block.
BLOCK = 1024
#: Numbers that three bytes are known by: so many bits say of a block which it may hold.
_NUMBERS = 1 << 16
#: Bytes that a text takes beside itself: key, end, place, and its share of what is known of blocks.
_BESIDE = 22
#: Bytes of texts that went; where they are more than half, all others are moved together.
_MOST_GONE = 1_000_000
#: Keys that room is made for at a time.
_KEYS = 4096
#: Ends a text: no word holds it.
_END = SEPARATOR.encode()


class Rests:
    """Texts in one long piece of memory. Not safe to share between threads; the catalogue sees to that."""

    def __init__(self) -> None:
        #: All of them, whose each is, and where it ends. Of one that went only zeros are left.
        self._all, self._keys, self._ends = bytearray(), array("I"), array("I")
        #: By key: one more than the place among them, or 0.
        self._places = array("I")
        self._gone = 0
        #: By the number of three bytes, the full blocks that may hold them, each a bit.
        self._blocks = [0] * _NUMBERS
        self._full = 0

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> BitMap:
        """The keys of all texts."""
        return BitMap([key for key, end in zip(self._keys, self._ends, strict=True) if self._all[end - 1]])

    def add(self, key: int, text: str) -> int:
        """Hold a text that is not held.

        Returns:
            bytes that it takes.
        """
        start = len(self._all)
        self._all += text.encode() + _END
        self._place(key, len(self._keys))
        self._keys.append(key)
        self._ends.append(len(self._all))
        if len(self._keys) % BLOCK == 0:
            self._close_block()
        return len(self._all) - start + _BESIDE

    def remove(self, key: int) -> int:
        """Hold a text no longer: nothing of it stays.

        Returns:
            bytes that are free again.
        """
        place = self._places[key] - 1
        start, end = self._span(place)
        # No word holds such a byte.
        self._all[start:end] = bytes(end - start)
        self._places[key] = 0
        self._gone += end - start
        if self._gone > _MOST_GONE and 2 * self._gone > len(self._all):
            self._move_together()
        return end - start

    def has(self, key: int, word: str) -> bool:
        """Whether a text holds a word."""
        return self._all.find(word.encode(), *self._span(self._places[key] - 1)) >= 0

    def find(self, word: str) -> BitMap:
        """The keys of the texts that hold a word."""
        every, ends, looked_for = self._all, self._ends, word.encode()
        places = array("I")
        for first, last in self._spans(looked_for):
            stop = ends[last - 1]
            at = every.find(looked_for, ends[first - 1] if first else 0, stop)
            while at >= 0:
                place = bisect_right(ends, at, first, last)
                places.append(self._keys[place])
                at = every.find(looked_for, ends[place], stop)
        return BitMap(places)

    def write(self, writer: Writer) -> None:
        """Write them to a file."""
        writer.array("rests.keys", self._keys)
        writer.array("rests.ends", self._ends)
        writer.raw("rests.all", self._all)
        width = -(-self._full // 8)
        writer.raw("rests.blocks", b"".join([bits.to_bytes(width, "little") for bits in self._blocks]))

    def read(self, reader: Reader) -> int:
        """Take those of a file.

        Returns:
            bytes that they take.
        """
        self._keys, self._ends = reader.array("rests.keys", "I"), reader.array("rests.ends", "I")
        self._all, blocks = reader.raw("rests.all"), reader.raw("rests.blocks")
        self._full = len(self._keys) // BLOCK
        width = -(-self._full // 8)
        last = self._ends[-1] if self._ends else 0
        if len(self._keys) != len(self._ends) or last != len(self._all) or len(blocks) != _NUMBERS * width:
            raise DamagedError("the texts do not end where they should")
        self._blocks = (
            [
                int.from_bytes(blocks[start : start + width], "little")
                for start in range(0, len(blocks), width)
            ]
            if width
            else [0] * _NUMBERS
        )
        for place, key in enumerate(self._keys):
            if self._all[self._ends[place] - 1]:
                self._place(key, place)
        self._gone = 0
        return len(self._all) + _BESIDE * len(self._keys)

    def _span(self, place: int) -> tuple[int, int]:
        return (self._ends[place - 1] if place else 0), self._ends[place]

    def _place(self, key: int, place: int) -> None:
        if key >= len(self._places):
            self._places.frombytes(bytes(self._places.itemsize * (key + _KEYS - len(self._places))))
        self._places[key] = place + 1

    def _spans(self, looked_for: bytes) -> Iterator[tuple[int, int]]:
        """The first place and the one behind the last of blocks that may hold some bytes."""
        blocks = (1 << self._full) - 1
        for number in _numbers_in(looked_for):
            blocks &= self._blocks[number]
        while blocks:
            first = (blocks & -blocks).bit_length() - 1
            # Blocks that follow each other are looked through together.
            last = first + ((~(blocks >> first)) & -(~(blocks >> first))).bit_length() - 1
            blocks = blocks >> last << last
            yield first * BLOCK, last * BLOCK
        if len(self._keys) > self._full * BLOCK:
            yield self._full * BLOCK, len(self._keys)

    def _close_block(self) -> None:
        """Note what a block holds that has just become full."""
        start = self._ends[self._full * BLOCK - 1] if self._full else 0
        block = 1 << self._full
        for number in _numbers_in(self._all[start:]):
            self._blocks[number] |= block
        self._full += 1

    def _move_together(self) -> None:
        fresh, start = Rests(), 0
        for key, end in zip(self._keys, self._ends, strict=True):
            if self._all[end - 1]:
                fresh.add(key, self._all[start : end - 1].decode())
            start = end
        self.__dict__ = fresh.__dict__


def _numbers_in(data: bytes | bytearray) -> set[int]:
    """The numbers that each three bytes which follow each other are known by."""
    together = set(zip(data, data[1:], data[2:], strict=False))
    # Multiplied, so that bytes which are alike are not known by the same numbers.
    return {((one << 16 | other << 8 | third) * 40503 >> 8) % _NUMBERS for one, other, third in together}
