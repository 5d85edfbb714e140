"""What a search asks for, and where a page of it begins."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from marketplace.access.narrowing import ALL
from marketplace.catalogue.facts import facet_value
from marketplace.catalogue.order import SortKey
from marketplace.catalogue.view import Filters
from marketplace.facets import Facet
from marketplace.models.base import to_seconds
from marketplace.rules.columns import Direction
from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import WordQuery, parse_words
from validators.document import Checksum

_DAY = 86_400
#: Hits on a page where nobody says how many.
PAGE = 20
_MAX_CURSOR = 1000
_ENTRY_ID = re.compile("[0-9a-f]{64}")


class Sort(StrEnum):
    """The order of the hits."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    TITLE_DESCENDING = "title-descending"
    LARGEST = "largest"
    SMALLEST = "smallest"


#: What each sort but relevance goes by.
ORDERS: Mapping[Sort, tuple[SortKey, Direction]] = {
    Sort.NEWEST: (SortKey.CREATED, Direction.DESCENDING),
    Sort.OLDEST: (SortKey.CREATED, Direction.ASCENDING),
    Sort.TITLE: (SortKey.TITLE, Direction.ASCENDING),
    Sort.TITLE_DESCENDING: (SortKey.TITLE, Direction.DESCENDING),
    Sort.LARGEST: (SortKey.SIZE, Direction.DESCENDING),
    Sort.SMALLEST: (SortKey.SIZE, Direction.ASCENDING),
}


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search. Make it with ``parse_request`` where the values come from outside.

    Args:
        words: what was typed; empty for a list without words.
        chosen: the values of facets; several of one facet are alternatives.
        created_from: earliest creation time.
        created_before: the first creation time that is too late.
        sort: None for relevance where there are words, newest first where there are none.
        limit: hits on a page, 1 to MAX_PAGE.
        cursor: where the page begins, from ``SearchPage.next_cursor``.
        scope: which part of what the reader may see; see access.narrowing.
        checksum: that the image must have, in its canonical spelling.
        reachable: whether its content was found at a location when somebody looked; None: whatever.
        expires_within: days in which it ends; None: whenever.
    """

    words: str = ""
    chosen: Mapping[Facet, tuple[str, ...]] = field(default_factory=dict)
    created_from: datetime | None = None
    created_before: datetime | None = None
    sort: Sort | None = None
    limit: int = PAGE
    cursor: str | None = None
    scope: str = ALL
    checksum: Checksum | None = None
    reachable: bool | None = None
    expires_within: int | None = None

    def query(self) -> WordQuery | None:
        """The words, parsed.

        Raises:
            SearchRefusedError: they break a rule of the query language.
        """
        return parse_words(self.words)

    def order(self) -> Sort:
        """The sort that applies."""
        if self.sort is None or (self.sort is Sort.RELEVANCE and not self.words.strip()):
            return Sort.RELEVANCE if self.words.strip() else Sort.NEWEST
        return self.sort

    def filters(self, now: int) -> Filters:
        """The filters as the catalogue takes them.

        Args:
            now: seconds since 1970, from which days are counted.
        """
        return Filters(
            {
                facet: frozenset(facet_value(facet, value) for value in values)
                for facet, values in self.chosen.items()
                if values
            },
            None if self.created_from is None else to_seconds(self.created_from),
            None if self.created_before is None else to_seconds(self.created_before),
            None if self.expires_within is None else now + self.expires_within * _DAY,
        )

    def fingerprint(self) -> str:
        """Tells requests apart whose cursors must not be mixed."""
        filters = self.filters(0)
        asked = [
            self.words.split(),
            sorted((facet.value, sorted(values)) for facet, values in filters.chosen.items()),
            filters.created_from,
            filters.created_before,
            self.order().value,
            self.scope,
            None if self.checksum is None else self.checksum.value,
            self.reachable,
            self.expires_within,
        ]
        return sha256(json.dumps(asked).encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page: where it stood in the order, and which entry it was.

    The entry's key would do for the search, but keys count the entries of all logs, also of those
    that the reader knows nothing of.

    Args:
        value: a score, or the value the order goes by.
    """

    value: Any
    entry_id: str

    def encode(self, request: SearchRequest) -> str:
        """The cursor as text for URLs; it fits the same search only."""
        told = json.dumps([request.fingerprint(), self.value, self.entry_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def parse_cursor(request: SearchRequest) -> Cursor | None:
    """The request's cursor, checked: it may be anything, since it comes back from outside.

    Raises:
        SearchRefusedError: it is none of ours, or belongs to another search.
    """
    if request.cursor is None:
        return None
    try:
        if len(request.cursor) > _MAX_CURSOR:
            raise ValueError
        padded = request.cursor + "=" * (-len(request.cursor) % 4)
        told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        fingerprint, value, entry_id = told
        if fingerprint != request.fingerprint() or not _ENTRY_ID.fullmatch(entry_id):
            raise ValueError
        return Cursor(_value(request.order(), value), entry_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise foreign_cursor() from None


def foreign_cursor() -> SearchRefusedError:
    """The refusal of a cursor that belongs to another search."""
    return SearchRefusedError(
        "search.cursor", "The cursor belongs to another search; search again without a cursor."
    )


def _value(order: Sort, value: Any) -> Any:
    """The value of a cursor as the order compares it."""
    if order is Sort.RELEVANCE:
        fits = type(value) in (int, float) and math.isfinite(value)
    elif ORDERS[order][0] is SortKey.TITLE:
        value = tuple(value)
        fits = [type(one) for one in value] == [bool, str]
    else:
        fits = type(value) is int and abs(value) < 2**63
    if not fits:
        raise ValueError
    return float(value) if order is Sort.RELEVANCE else value
