"""What is known of each current entry, in columns: a few bytes for each, and no object.

A million entries as objects take a gigabyte and a minute to make; as columns they take a sixth of that, and
are written to a file and read from it as they are. Not safe to share between threads; the catalogue sees to
that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from pyroaring import BitMap

from marketplace.catalogue.facts import IMAGE_LENGTH, SPELLED, Facet, Facts
from marketplace.catalogue.sections import DamagedError, Reader, Writer
from marketplace.catalogue.text import fold
from marketplace.models.current import FOREVER

#: Bytes of an entry id.
_ID_LENGTH = 32
#: Folded characters of a title that its place is decided by.
TITLE_LENGTH = 80
#: Keys that room is made for at a time.
_KEYS = 4096
#: Bytes of titles of removed entries that are kept before the others are moved together.
_MOST_WASTED = 1_000_000
#: Columns of whole numbers, with their type codes: of 64 and of 32 bits, and a byte.
_COLUMNS: Mapping[str, str] = {
    "created": "q",
    "valid_until": "q",
    "size": "q",
    "certificates": "I",
    "keys_of_signers": "I",
    "titles_at": "Q",
    "title_lengths": "I",
    "deprecated": "B",
} | {facet.value: "I" for facet in SPELLED}


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
        writer.array(f"{name}.uses", self._uses)

    @classmethod
    def read(cls, name: str, reader: Reader) -> Pool:
        """The values of a file."""
        pool = cls()
        pool.values = [tuple(value) for value in reader.json(f"{name}.values")]
        pool._uses = reader.array(f"{name}.uses", "I")
        if len(pool._uses) != len(pool.values):
            raise DamagedError(f"{name} has other values than uses")
        for number, value in enumerate(pool.values):
            if pool._uses[number]:
                pool._numbers[value] = number
            else:
                pool._free.append(number)
        return pool


class Table:
    """The facts of entries, each found by the entry's key."""

    def __init__(self) -> None:
        #: By key: one more than the place in the columns, or 0.
        self._places = array("I")
        self._count = 0
        self._free: list[int] = []
        self._columns = {name: array(code) for name, code in _COLUMNS.items()}
        self._numbers, self._images, self._titles = bytearray(), bytearray(), bytearray()
        self._wasted = 0
        self._pools = {facet: Pool() for facet in SPELLED}
        self._signers = Pool()
        self._name_columns()

    def _name_columns(self) -> None:
        columns = self._columns
        self._created, self._valid_until, self._size = (
            columns["created"],
            columns["valid_until"],
            columns["size"],
        )
        self._certificates, self._signers_of = columns["certificates"], columns["keys_of_signers"]
        self._titles_at, self._title_lengths = columns["titles_at"], columns["title_lengths"]
        self._deprecated = columns["deprecated"]
        self._spelled = {facet: columns[facet.value] for facet in SPELLED}

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
        place = self._free.pop() if self._free else self._add_place()
        self._places[key] = place + 1
        self._count += 1
        title = _folded_title(facts.title)
        self._created[place] = facts.created
        self._valid_until[place] = facts.valid_until
        self._size[place] = facts.size
        self._certificates[place] = facts.certificate_id
        self._signers_of[place] = self._signers.take((facts.key_digest,))
        self._titles_at[place], self._title_lengths[place] = len(self._titles), len(title)
        self._titles += title
        self._deprecated[place] = facts.deprecated
        for facet, spelled in zip(SPELLED, facts.spelled, strict=True):
            self._spelled[facet][place] = self._pools[facet].take(spelled)
        self._numbers[_ID_LENGTH * place : _ID_LENGTH * (place + 1)] = facts.entry_number.to_bytes(
            _ID_LENGTH, "big"
        )
        self._images[IMAGE_LENGTH * place : IMAGE_LENGTH * (place + 1)] = facts.image

    def remove(self, key: int) -> None:
        """Hold an entry no longer: nothing of it stays."""
        place = self._places[key] - 1
        self._signers.drop(self._signers_of[place])
        for facet, pool in self._pools.items():
            pool.drop(self._spelled[facet][place])
        start, length = self._titles_at[place], self._title_lengths[place]
        self._titles[start : start + length] = bytes(length)
        self._numbers[_ID_LENGTH * place : _ID_LENGTH * (place + 1)] = bytes(_ID_LENGTH)
        self._images[IMAGE_LENGTH * place : IMAGE_LENGTH * (place + 1)] = bytes(IMAGE_LENGTH)
        for column in self._columns.values():
            column[place] = 0
        self._places[key] = 0
        self._free.append(place)
        self._count -= 1
        self._wasted += length
        if self._wasted > _MOST_WASTED and 2 * self._wasted > len(self._titles):
            self._move_titles()

    def created(self, key: int) -> int:
        """Seconds since 1970."""
        return self._created[self._places[key] - 1]

    def valid_until(self, key: int) -> int:
        """Seconds since 1970, FOREVER where it never expires."""
        return self._valid_until[self._places[key] - 1]

    def size(self, key: int) -> int:
        """Bytes of the image."""
        return self._size[self._places[key] - 1]

    def is_deprecated(self, key: int) -> bool:
        """Whether it was withdrawn."""
        return bool(self._deprecated[self._places[key] - 1])

    def expires(self, key: int) -> bool:
        """Whether it can ever expire; as ``Facts.expires``."""
        place = self._places[key] - 1
        return not self._deprecated[place] and self._valid_until[place] != FOREVER

    def title(self, key: int) -> tuple[bool, str]:
        """What titles compare by: folded, and entries without one come last."""
        place = self._places[key] - 1
        start = self._titles_at[place]
        title = self._titles[start : start + self._title_lengths[place]]
        return not title, title[1:].decode()

    def number(self, key: int) -> int:
        """The entry id as a number."""
        place = self._places[key] - 1
        return int.from_bytes(self._numbers[_ID_LENGTH * place : _ID_LENGTH * (place + 1)], "big")

    def image(self, key: int) -> bytes:
        """What its image and endorser are known by."""
        place = self._places[key] - 1
        return bytes(self._images[IMAGE_LENGTH * place : IMAGE_LENGTH * (place + 1)])

    def certificate(self, key: int) -> int:
        """The key of its signer's certificate."""
        return self._certificates[self._places[key] - 1]

    def key_digest(self, key: int) -> str:
        """Of the signer's key."""
        return self._signers.values[self._signers_of[self._places[key] - 1]][0]

    def email(self, key: int) -> str:
        """Its endorser."""
        return self.spelled(Facet.ENDORSER, key)[0]

    def spelled(self, facet: Facet, key: int) -> tuple[str, ...]:
        """Its values of a facet as written."""
        return self._pools[facet].values[self._spelled[facet][self._places[key] - 1]]

    def number_of_spelled(self, facet: Facet, key: int) -> int:
        """The number that its values of a facet have in the facet's pool."""
        return self._spelled[facet][self._places[key] - 1]

    def pool(self, facet: Facet) -> Pool:
        """What entries have of a facet."""
        return self._pools[facet]

    def write(self, writer: Writer) -> None:
        """Write everything to a file."""
        writer.array("table.places", self._places)
        for name, column in self._columns.items():
            writer.array(f"table.{name}", column)
        writer.raw("table.numbers", self._numbers)
        writer.raw("table.images", self._images)
        writer.raw("table.titles", self._titles)
        self._signers.write("table.signers", writer)
        for facet, pool in self._pools.items():
            pool.write(f"table.pool.{facet}", writer)

    @classmethod
    def read(cls, reader: Reader) -> Table:
        """What a file holds.

        Raises:
            DamagedError: no table was written so.
        """
        table = cls()
        table._places = reader.array("table.places", "I")
        table._columns = {name: reader.array(f"table.{name}", code) for name, code in _COLUMNS.items()}
        table._numbers = reader.raw("table.numbers")
        table._images = reader.raw("table.images")
        table._titles = reader.raw("table.titles")
        table._signers = Pool.read("table.signers", reader)
        table._pools = {facet: Pool.read(f"table.pool.{facet}", reader) for facet in SPELLED}
        table._name_columns()
        length = len(table._created)
        if (
            {len(column) for column in table._columns.values()} != {length}
            or len(table._numbers) != _ID_LENGTH * length
            or len(table._images) != IMAGE_LENGTH * length
            or max(table._places, default=0) > length
        ):
            raise DamagedError("the columns are not of one length")
        held = bytearray(length + 1)
        for place in table._places:
            held[place] = 1
        table._free = [place for place in range(length) if not held[place + 1]]
        table._count = length - len(table._free)
        return table

    def _add_place(self) -> int:
        for column in self._columns.values():
            column.append(0)
        self._numbers += bytes(_ID_LENGTH)
        self._images += bytes(IMAGE_LENGTH)
        return len(self._created) - 1

    def _move_titles(self) -> None:
        """Move the titles together."""
        kept = bytearray()
        for place, length in enumerate(self._title_lengths):
            start = self._titles_at[place]
            self._titles_at[place] = len(kept)
            kept += self._titles[start : start + length]
        self._titles, self._wasted = kept, 0


def _folded_title(title: str) -> bytes:
    """What is kept of a title; empty where there is none."""
    if not title.strip():
        return b""
    # Told from no title by the first byte: a title of signs that folding takes away is one.
    return b"\1" + fold(title[:TITLE_LENGTH]).strip().encode()
