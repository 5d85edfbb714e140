"""What is left of many texts, and which of them hold a word: looked through in blocks that may hold it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from mmap import mmap

from pyroaring import BitMap

from marketplace.catalogue.sections import Reader, Writer
from marketplace.models.current import SEPARATOR

#: Texts of a block.
BLOCK = 1024
#: Numbers that three bytes are known by: so many bits say of a block which it may hold.
_NUMBERS = 1 << 16
#: Bytes that a text takes beside itself: key, end, place, and its share of what is known of blocks.
_OVERHEAD = 22
#: Bytes of texts that went; where they are more than half, all others are moved together.
_MOST_GONE = 1_000_000
#: Keys that room is made for at a time.
_KEYS = 4096
#: Ends a text: no word holds it.
_END = SEPARATOR.encode()


class Remainders:
    """Texts in one long piece of memory. Not safe to share between threads; the catalogue sees to that.

    It is counted on from what was read from a file, which stays there, to what came since.
    """

    def __init__(self) -> None:
        #: A file with the first of them, where they begin in it, and how many and how many bytes there are.
        self._file: mmap | bytearray = bytearray()
        self._begin, self._first, self._first_bytes = 0, 0, 0
        #: The others. Of one that went only zeros are left.
        self._since = bytearray()
        #: Whose each is, and where it ends.
        self._keys, self._ends = array("I"), array("I")
        #: By key: one more than the place among them, or 0.
        self._places = array("I")
        self._gone = 0
        #: By the number of three bytes, the full blocks that may hold them, each a bit.
        self._blocks = [0] * _NUMBERS
        self._full = 0

    def size(self) -> int:
        """Memory of the texts in bytes."""
        return self._end() + _OVERHEAD * len(self._keys)

    def add(self, key: int, text: str) -> int:
        """Hold a text that is not held.

        Returns:
            bytes that it takes.
        """
        data = text.encode() + _END
        self._since += data
        self._set_position(key, len(self._keys))
        self._keys.append(key)
        self._ends.append(self._end() + len(data))
        if len(self._keys) % BLOCK == 0:
            self._close_block()
        return len(data) + _OVERHEAD

    def remove(self, key: int) -> int:
        """Forget a text whole.

        Returns:
            bytes that are free again.
        """
        place = self._places[key] - 1
        data, start, end = self._where(place, place + 1)
        # No word holds such a byte.
        data[start:end] = bytes(end - start)
        self._places[key] = 0
        self._gone += end - start
        if self._gone > _MOST_GONE and 2 * self._gone > self._end():
            self._move_together()
        return end - start

    def has(self, key: int, word: str) -> bool:
        """Whether a text holds a word."""
        place = self._places[key] - 1
        data, start, end = self._where(place, place + 1)
        return data.find(word.encode(), start, end) >= 0

    def find(self, word: str) -> BitMap:
        """The keys of the texts that hold a word."""
        looked_for, places = word.encode(), array("I")
        for first, last in self._spans(looked_for):
            # What is in the file is no part of what came since.
            for low, high in ((first, min(last, self._first)), (max(first, self._first), last)):
                if low < high:
                    places.extend(self._positions_of(looked_for, low, high))
        return BitMap([self._keys[place] for place in places])

    def write(self, writer: Writer) -> None:
        """Write the texts to a file."""
        first = self._file[self._begin : self._begin + self._first_bytes]
        writer.numbers("rests.all", b"".join((first, self._since)))
        writer.numbers("rests.keys", self._keys)
        writer.numbers("rests.ends", self._ends)
        writer.numbers("rests.places", self._places)
        width = -(-self._full // 8)
        writer.numbers("rests.blocks", b"".join([bits.to_bytes(width, "little") for bits in self._blocks]))

    def read(self, reader: Reader) -> None:
        """Take the texts of a file."""
        self._file, (self._begin, end) = reader.data, reader.extent("rests.all")
        self._first_bytes = end - self._begin
        self._keys, self._ends = reader.array("rests.keys", "I"), reader.array("rests.ends", "I")
        self._places, blocks = reader.array("rests.places", "I"), bytes(reader.view("rests.blocks"))
        self._first = len(self._keys)
        self._full = self._first // BLOCK
        width = -(-self._full // 8)
        starts = range(0, len(blocks), width) if width else ()
        self._blocks = [int.from_bytes(blocks[start : start + width], "little") for start in starts] or [
            0
        ] * _NUMBERS

    def _end(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _where(self, first: int, last: int) -> tuple[mmap | bytearray, int, int]:
        """In what texts from a place to before another stand, and where: all in the file, or none."""
        start, end = (self._ends[first - 1] if first else 0), self._ends[last - 1]
        if last <= self._first:
            return self._file, self._begin + start, self._begin + end
        return self._since, start - self._first_bytes, end - self._first_bytes

    def _positions_of(self, looked_for: bytes, first: int, last: int) -> Iterator[int]:
        """The places of the texts that hold some bytes, from a place to before another."""
        data, start, end = self._where(first, last)
        ends, shift = self._ends, (self._begin if last <= self._first else -self._first_bytes)
        at = data.find(looked_for, start, end)
        while at >= 0:
            place = bisect_right(ends, at - shift, first, last)
            yield place
            at = data.find(looked_for, ends[place] + shift, end)

    def _set_position(self, key: int, position: int) -> None:
        if key >= len(self._places):
            self._places.frombytes(bytes(self._places.itemsize * (key + _KEYS - len(self._places))))
        self._places[key] = position + 1

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
        block, start = 1 << self._full, self._full * BLOCK
        texts = [self._text(place) for place in range(start, start + BLOCK)]
        for number in _numbers_in(b"".join(texts)):
            self._blocks[number] |= block
        self._full += 1

    def _text(self, position: int) -> bytes:
        data, start, end = self._where(position, position + 1)
        return bytes(data[start:end])

    def _move_together(self) -> None:
        fresh = Remainders()
        for place, key in enumerate(self._keys):
            if self._places[key] == place + 1:
                fresh.add(key, self._text(place)[: -len(_END)].decode())
        self.__dict__ = fresh.__dict__


def _numbers_in(data: bytes | bytearray) -> set[int]:
    """The numbers that each three bytes which follow each other are known by."""
    together = set(zip(data, data[1:], data[2:], strict=False))
    # Multiplied, so that bytes which are alike are not known by the same numbers.
    return {((one << 16 | other << 8 | third) * 40503 >> 8) % _NUMBERS for one, other, third in together}
