"""What can be asked of the list, as one frozen value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from marketplace.facets import TrustMark
from marketplace.models.current import SEPARATOR
from marketplace.rules.columns import SEARCHABLE, Column, Direction, fold
from validators.document import Checksum
from validators.status import Status

#: Most different words of one query; each costs a pass over every text that the others left.
MAX_WORDS = 32
#: Beyond any list, and within what the databases count with.
MAX_NUMBER = 2**62
_NOWHERE = re.compile(f"[\x00{SEPARATOR}\ud800-\udfff]")


class EntryQueryError(ValueError):
    """A query that no list answers; the message says what to change."""

    code: ClassVar[str] = "query.refused"


class StatusFilter(StrEnum):
    """Which entries to list by their status."""

    VALID = Status.VALID.value
    DEPRECATED = Status.DEPRECATED.value
    EXPIRED = Status.EXPIRED.value
    ALL = "all"


class LocationFilter(StrEnum):
    """Which entries to list by where their content is."""

    ALL = "all"
    WEB = "web"
    PDISK = "pdisk"


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Filters, searches, order and window of a list of current entries.

    With ``created`` it finds the entries of that time, superseded or not.

    Args:
        now: the moment that decides what has expired.
        trust: marks of which an entry has one; empty for all. Coordinates find their entry anyway.
        checksum: that the image must have, in its canonical spelling.
        search: space-separated words, each of which must occur in some column of the row.
        columns: pairs of a column and words which must all occur in that column.
        direction: ascending puts absent values first.
        limit: most rows of the page; None for all.

    Raises:
        EntryQueryError: too many words, a column that has no search of its own, or a negative or
            absurd offset or limit.
    """

    now: datetime
    status: StatusFilter = StatusFilter.VALID
    location: LocationFilter = LocationFilter.ALL
    identifier: str | None = None
    email: str | None = None
    created: datetime | None = None
    tag: str | None = None
    checksum: Checksum | None = None
    trust: frozenset[TrustMark] = frozenset()
    search: str = ""
    columns: tuple[tuple[Column, str], ...] = ()
    sort: Column = Column.CREATED
    direction: Direction = Direction.DESCENDING
    offset: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        for name, number in (("offset", self.offset), ("limit", self.limit or 0)):
            if not 0 <= number <= MAX_NUMBER:
                raise EntryQueryError(f"{name} must be from 0 to {MAX_NUMBER}")
        for column, _ in self.columns:
            if column not in SEARCHABLE:
                raise EntryQueryError(f"column {column.value} has no search of its own")
        if len(self.words()) + sum(len(words_of(text)) for _, text in self.columns) > MAX_WORDS:
            raise EntryQueryError(f"a search has at most {MAX_WORDS} different words")

    def words(self) -> tuple[str, ...]:
        """The folded words of ``search``."""
        return words_of(self.search)

    def searches(self) -> bool:
        """Whether the query searches for words."""
        return bool(self.words() or any(words_of(text) for _, text in self.columns))


def words_of(text: str) -> tuple[str, ...]:
    """The different folded words of a search text, which only spaces separate."""
    return tuple(dict.fromkeys(fold(word) for word in text.split(" ") if word))


def can_occur(text: str) -> bool:
    """Whether any stored text could hold this: no database takes NUL or half a surrogate pair,
    and the separator of the search text stands in no document."""
    return _NOWHERE.search(text) is None
