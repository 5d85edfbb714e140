"""What a Whoosh index holds of an entry, and how its words are stored: as they were cut for every engine.

Whoosh's own text field cuts text by itself, through an object a word, and pickles
the places of each word: half the time of building an index.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from whoosh import fields
from whoosh.columns import NumericColumn
from whoosh.formats import Format

from marketplace.search.words import SearchField

#: Field with the words of all fields.
ANYWHERE = "anywhere"
KEY = "key"
#: Column with the key of each document's entry, times LENGTHS, plus how many words the entry has, which are
#: fewer; 0 for the one that is none.
NUMBER = "number"
LENGTHS = 2**16
POSITION = "position"
#: Key of the one document that is no entry: it holds the position, so both commit together.
POSITION_KEY = "position"


def schema() -> fields.Schema:
    """The fields of an index."""
    return fields.Schema(
        **{KEY: fields.ID(unique=True), NUMBER: fields.COLUMN(NumericColumn("Q")), POSITION: fields.STORED},
        **{name: Words() for name in (ANYWHERE, *(field.value for field in SearchField))},
    )


class Places(Format):  # type: ignore[misc]  # the library is untyped
    """The places of a word in a field, two bytes each: document.ENTRY_WORDS bounds them."""

    def encode(self, places: Sequence[int]) -> bytes:
        """Ascending places as bytes."""
        return struct.pack(f"<{len(places)}H", *places)

    def decode_positions(self, stored: bytes) -> Sequence[int]:
        """The places, under the name that Whoosh asks for."""
        return struct.unpack(f"<{len(stored) // 2}H", stored)


class Words(fields.FieldType):  # type: ignore[misc]  # the library is untyped
    """A field of words, as runs; no phrase spans two runs."""

    def __init__(self) -> None:
        super().__init__(Places(), analyzer=None, scorable=True)

    def index(self, value: Sequence[Sequence[str]], **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Each word once, with how often it occurs, its weight, which is the same, and its places."""
        found: dict[str, list[int]] = {}
        place = 0
        for run in value:
            for word in run:
                found.setdefault(word, []).append(place)
                place += 1
            place += 1  # the gap
        for word, places in found.items():
            yield word.encode(), len(places), float(len(places)), self.format.encode(places)
