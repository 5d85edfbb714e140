"""What is known of each current entry, in columns: a few bytes for each, and no object.

A million entries as objects take a gigabyte and a minute to make; as columns they take a sixth of that, and
are written to a file as they are. Columns that were read from a file stay there: processes share what nobody
changed. Not safe to share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from pyroaring import BitMap

from marketplace.catalogue.facts import IMAGE_LENGTH, SPELLED, Facts
from marketplace.catalogue.sections import Code, Numbers, Reader, Writer
from marketplace.facets import Facet
from marketplace.models.current import FOREVER
from marketplace.text import fold

#: Bytes of an entry id.
_ID_LENGTH = 32
#: Folded characters of a title that its place is decided by.
TITLE_LENGTH = 80
#: Keys that room is made for at a time.
_KEYS = 4096
#: Room in columns and titles: so many entries more, and a share of those there are; bytes of a title.
_ROOM, _SHARE, _TITLE = 1024, 16, 32
#: Bytes of titles of removed entries that are kept before the others are moved together.
_MOST_WASTED = 1_000_000
#: Columns of whole numbers, with their type codes: of 64 and of 32 bits, and a byte.
_COLUMNS: Mapping[str, Code] = {
    "created": "q",
    "valid_until": "q",
    "size": "q",
    "certificates": "I",
    "keys_of_signers": "I",
    "titles_at": "Q",
    "title_lengths": "I",
    "deprecated": "B",
    **{facet.value: "I" for facet in SPELLED},
}


class Pool:
    """Values that many entries share, each kept once, for as long as an entry has it."""

    def __init__(self) -> None:
        self.values: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}
        self._uses = array("I")
        self._free: list[int] = []

    def take(self, value: tuple[str, ...]) -> int:
        """The number of a value, of which one entry more makes use."""
        number = self._numbers.get(value)
        if number is None:
            if self._free:
                number = self._free.pop()
                self.values[number] = value
            else:
                number = len(self.values)
                self.values.append(value)
                self._uses.append(0)
            self._numbers[value] = number
        self._uses[number] += 1
        return number

    def drop(self, number: int) -> None:
        """Let a value go, where nothing else makes use of it."""
        self._uses[number] -= 1
        if not self._uses[number]:
            del self._numbers[self.values[number]]
            self.values[number] = ()
            self._free.append(number)

    def used(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Each value with how many entries have it."""
        return ((value, uses) for value, uses in zip(self.values, self._uses, strict=True) if uses)

    def write(self, name: str, writer: Writer) -> None:
        """Write the values to a file."""
        writer.json(f"{name}.values", self.values)
        writer.numbers(f"{name}.uses", self._uses)

    @classmethod
    def read(cls, name: str, reader: Reader) -> Pool:
        """The values of a file."""
        pool = cls()
        pool.values = [tuple(value) for value in reader.json(f"{name}.values")]
        pool._uses = reader.array(f"{name}.uses", "I")
        for number, value in enumerate(pool.values):
            if pool._uses[number]:
                pool._numbers[value] = number
            else:
                pool._free.append(number)
        return pool


class FactsTable:
    """The facts of entries, each found by the entry's key."""

    def __init__(self) -> None:
        #: By key: one more than the place in the columns, or 0.
        self._places = array("I")
        self._count = 0
        self._free: list[int] = []
        #: Columns with room behind the places in use; in memory, or in a file that was read.
        self._columns: dict[str, Numbers] = {name: array(code) for name, code in _COLUMNS.items()}
        self._numbers: bytearray | memoryview = bytearray()
        self._images: bytearray | memoryview = bytearray()
        self._titles: bytearray | memoryview = bytearray()
        self._used, self._titles_end, self._wasted = 0, 0, 0
        self._pools = {facet: Pool() for facet in SPELLED}
        self._signers = Pool()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: int) -> bool:
        return key < len(self._places) and self._places[key] > 0

    def keys(self) -> BitMap:
        """The keys of all entries."""
        return BitMap([key for key, place in enumerate(self._places) if place])

    def put(self, facts: Facts) -> None:
        """Hold an entry that is not held."""
        key = facts.entry_key
        if key >= len(self._places):
            self._places.frombytes(bytes(self._places.itemsize * (key + _KEYS - len(self._places))))
        place = self._free.pop() if self._free else self._add_slot()
        self._places[key] = place + 1
        self._count += 1
        title = _folded_title(facts.title)
        values = {
            "created": facts.created,
            "valid_until": facts.valid_until,
            "size": facts.size,
            "certificates": facts.certificate_id,
            "keys_of_signers": self._signers.take((facts.key_digest,)),
            "titles_at": self._add_title(title),
            "title_lengths": len(title),
            "deprecated": facts.deprecated,
        }
        for name, value in values.items():
            self._columns[name][place] = value
        for facet, spelled in zip(SPELLED, facts.spelled, strict=True):
            self._columns[facet.value][place] = self._pools[facet].take(spelled)
        self._numbers[_at(place, _ID_LENGTH)] = facts.entry_number.to_bytes(_ID_LENGTH, "big")
        self._images[_at(place, IMAGE_LENGTH)] = facts.image

    def remove(self, key: int) -> None:
        """Forget an entry whole."""
        place = self._places[key] - 1
        self._signers.drop(self._columns["keys_of_signers"][place])
        for facet, pool in self._pools.items():
            pool.drop(self._columns[facet.value][place])
        start, length = self._columns["titles_at"][place], self._columns["title_lengths"][place]
        self._titles[start : start + length] = bytes(length)
        self._numbers[_at(place, _ID_LENGTH)] = bytes(_ID_LENGTH)
        self._images[_at(place, IMAGE_LENGTH)] = bytes(IMAGE_LENGTH)
        for column in self._columns.values():
            column[place] = 0
        self._places[key] = 0
        self._free.append(place)
        self._count -= 1
        self._wasted += length
        if self._wasted > _MOST_WASTED and 2 * self._wasted > self._titles_end:
            self._move_titles()

    def created(self, key: int) -> int:
        """Seconds since 1970."""
        return self._columns["created"][self._places[key] - 1]

    def valid_until(self, key: int) -> int:
        """Seconds since 1970, FOREVER where it never expires."""
        return self._columns["valid_until"][self._places[key] - 1]

    def size(self, key: int) -> int:
        """Bytes of the image."""
        return self._columns["size"][self._places[key] - 1]

    def is_deprecated(self, key: int) -> bool:
        """Whether the entry was withdrawn."""
        return bool(self._columns["deprecated"][self._places[key] - 1])

    def expires(self, key: int) -> bool:
        """Whether it can ever expire; as ``Facts.expires``."""
        place = self._places[key] - 1
        return not self._columns["deprecated"][place] and self._columns["valid_until"][place] != FOREVER

    def title(self, key: int) -> tuple[bool, str]:
        """The key by which titles are compared: folded, and entries without one come last."""
        place = self._places[key] - 1
        start = self._columns["titles_at"][place]
        title = self._titles[start : start + self._columns["title_lengths"][place]]
        return not title, str(title[1:], "utf-8")

    def number(self, key: int) -> int:
        """The entry id as a number."""
        place = self._places[key] - 1
        return int.from_bytes(self._numbers[_at(place, _ID_LENGTH)], "big")

    def image(self, key: int) -> bytes:
        """The key of the image and endorser of an entry."""
        place = self._places[key] - 1
        return bytes(self._images[_at(place, IMAGE_LENGTH)])

    def certificate(self, key: int) -> int:
        """The database key of the signer's certificate."""
        return self._columns["certificates"][self._places[key] - 1]

    def key_digest(self, key: int) -> str:
        """The digest of the signer's key."""
        return self._signers.values[self._columns["keys_of_signers"][self._places[key] - 1]][0]

    def email(self, key: int) -> str:
        """The address of the endorser."""
        return self.spelled(Facet.ENDORSER, key)[0]

    def spelled(self, facet: Facet, key: int) -> tuple[str, ...]:
        """The entry's values of a facet, as written."""
        return self._pools[facet].values[self._columns[facet.value][self._places[key] - 1]]

    def pool(self, facet: Facet) -> Pool:
        """The values of a facet that entries have."""
        return self._pools[facet]

    def write(self, writer: Writer) -> None:
        """Write everything to a file."""
        writer.numbers("table.places", self._places)
        writer.json("table.used", [self._used, self._titles_end])
        room = _room(self._used)
        for name, column in self._columns.items():
            writer.numbers(f"table.{name}", memoryview(column)[: self._used], room * column.itemsize)
        writer.numbers("table.numbers", self._numbers[: _ID_LENGTH * self._used], room * _ID_LENGTH)
        writer.numbers("table.images", self._images[: IMAGE_LENGTH * self._used], room * IMAGE_LENGTH)
        writer.numbers("table.titles", self._titles[: self._titles_end], room * _TITLE)
        self._signers.write("table.signers", writer)
        for facet, pool in self._pools.items():
            pool.write(f"table.pool.{facet}", writer)

    @classmethod
    def read(cls, reader: Reader) -> FactsTable:
        """Read the facts from a file."""
        table = cls()
        table._places = reader.array("table.places", "I")
        table._used, table._titles_end = reader.json("table.used")
        table._columns = {name: reader.view(f"table.{name}", code) for name, code in _COLUMNS.items()}
        table._numbers, table._images = reader.view("table.numbers"), reader.view("table.images")
        table._titles = reader.view("table.titles")
        table._signers = Pool.read("table.signers", reader)
        table._pools = {facet: Pool.read(f"table.pool.{facet}", reader) for facet in SPELLED}
        held = bytearray(table._used + 1)
        for place in table._places:
            held[place] = 1
        table._free = [place for place in range(table._used) if not held[place + 1]]
        table._count = table._used - len(table._free)
        return table

    def _add_slot(self) -> int:
        if self._used == len(self._columns["created"]):
            room = _room(self._used)
            self._columns = {name: _larger(column, room) for name, column in self._columns.items()}
            self._numbers = bytearray(self._numbers) + bytes(room * _ID_LENGTH)
            self._images = bytearray(self._images) + bytes(room * IMAGE_LENGTH)
        self._used += 1
        return self._used - 1

    def _add_title(self, title: bytes) -> int:
        start, end = self._titles_end, self._titles_end + len(title)
        if end > len(self._titles):
            self._titles = bytearray(self._titles) + bytes(len(title) + _room(self._used) * _TITLE)
        self._titles[start:end] = title
        self._titles_end = end
        return start

    def _move_titles(self) -> None:
        """Move the titles together."""
        kept = bytearray()
        for place in range(self._used):
            start, length = self._columns["titles_at"][place], self._columns["title_lengths"][place]
            self._columns["titles_at"][place] = len(kept)
            kept += self._titles[start : start + length]
        self._titles, self._titles_end, self._wasted = kept, len(kept), 0


def _at(place: int, width: int) -> slice:
    """Where the bytes of a place stand in a column of so many for each."""
    return slice(width * place, width * (place + 1))


def _room(used: int) -> int:
    """Entries that room is made for beside so many."""
    return _ROOM + used // _SHARE


def _larger(column: Numbers, room: int) -> array[int]:
    """A column in memory, with room for so many entries more."""
    larger = column if isinstance(column, array) else array(column.format, column)
    larger.frombytes(bytes(room * larger.itemsize))
    return larger


def _folded_title(title: str) -> bytes:
    """A title in the form that titles are compared in; empty where there is none."""
    if not title.strip():
        return b""
    # Told from no title by the first byte: a title of signs that folding takes away is one.
    return b"\1" + fold(title[:TITLE_LENGTH]).strip().encode()
