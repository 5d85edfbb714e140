"""What a Whoosh index holds of an entry, and how its words are stored: as they were cut for every engine.

Whoosh's own text field cuts text by itself, through an object a word, and knows no gap between runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from whoosh import fields
from whoosh.columns import NumericColumn
from whoosh.formats import Positions

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


class Words(fields.FieldType):  # type: ignore[misc]  # the library is untyped
    """A field of words, as runs; no phrase spans two runs."""

    def __init__(self) -> None:
        super().__init__(Positions(), analyzer=None, scorable=True)

    def index(self, value: Sequence[Sequence[str]], **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Each word once, with how often it occurs, its weight, which is the same, and its positions."""
        found: dict[str, list[int]] = {}
        # None is the gap.
        for position, word in enumerate(word for run in value for word in (*run, None)):
            if word is not None:
                found.setdefault(word, []).append(position)
        for word, positions in found.items():
            yield word.encode(), len(positions), float(len(positions)), self.format.encode(positions)
