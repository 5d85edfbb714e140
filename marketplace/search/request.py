"""What a search asks for, checked: what is unknown is refused, naming what there is."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from marketplace.access.narrowing import ALL, ScopeError, parse_scope
from marketplace.catalogue.facts import Facet, facet_value
from marketplace.catalogue.order import SortKey
from marketplace.catalogue.view import Filters
from marketplace.models.base import to_seconds
from marketplace.rules.status import Status
from marketplace.rules.trust import SHOWN, TrustMark, TrustShown
from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import WordQuery, clean, parse_words
from validators.checksums import find_checksum
from validators.document import Checksum, Strength
from validators.errors import shown
from validators.times import parse_time

#: Hits on a page: the usual number, and the most.
PAGE, MAX_PAGE = 20, 100
#: Values of one facet chosen at the same time.
MAX_CHOSEN = 50

#: How a checksum is given.
CHECKSUM_FORMS = (
    "checksum must be all hex digits of an MD5, SHA-1, SHA-256, SHA-384 or SHA-512, alone or as sha256:HEX, "
    "or an identifier"
)

#: Days of ``expires-within`` at most, and seconds of one.
MAX_DAYS = 3650
_DAY = 86_400

#: Values of ``reachable``.
REACHABLE = ("yes", "no")

_MAX_CURSOR = 1000
_ENTRY_ID = re.compile("[0-9a-f]{64}")
_LONGEST_VALUE = 1000


class Sort(StrEnum):
    """The order of the hits."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    TITLE_DESCENDING = "title-descending"
    LARGEST = "largest"
    SMALLEST = "smallest"


#: What each sort but relevance goes by, and whether backwards.
ORDERS: Mapping[Sort, tuple[SortKey, bool]] = {
    Sort.NEWEST: (SortKey.CREATED, True),
    Sort.OLDEST: (SortKey.CREATED, False),
    Sort.TITLE: (SortKey.TITLE, False),
    Sort.TITLE_DESCENDING: (SortKey.TITLE, True),
    Sort.LARGEST: (SortKey.SIZE, True),
    Sort.SMALLEST: (SortKey.SIZE, False),
}

#: Facets of which a search without any value gets the site's choice; EVERY lists every value.
CHOSEN_BY_SITE = (Facet.STATUS, Facet.TRUST)
EVERY = "all"

#: Values of the facets that have a fixed set of them.
FIXED: Mapping[Facet, tuple[str, ...]] = {
    Facet.STATUS: tuple(status.value for status in Status),
    Facet.LOCATION: ("web", "pdisk"),
    Facet.TRUST: tuple(mark.value for mark in TrustMark),
    Facet.SIGNATURE: tuple(strength.value for strength in Strength),
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


def usual_choice(trust: TrustShown) -> Mapping[Facet, tuple[str, ...]]:
    """What a search narrows by where it does not say: valid entries, and of those what the site shows."""
    return {Facet.STATUS: (Status.VALID.value,), Facet.TRUST: tuple(mark.value for mark in SHOWN[trust])}


def parse_request(
    pairs: Iterable[tuple[str, str]], usual: Mapping[Facet, tuple[str, ...]] = usual_choice(TrustShown.ANY)
) -> SearchRequest:
    """Read a request from the parameters of a URL.

    ``q`` words; a facet's name (repeatable) its values; ``created-from`` and
    ``created-to`` dates (``YYYY-MM-DD``, both included) or exact times; ``sort``;
    ``limit``; ``cursor``; ``scope``; ``checksum``; ``reachable``;
    ``expires-within`` days. Without any ``status`` or
    ``trust`` the site's choice is listed, with ``all`` every one. ``trust=strong`` and
    ``trust=legacy`` mean the signature, as they did before there were verdicts.

    Args:
        usual: the site's choice of the facets in CHOSEN_BY_SITE.

    Raises:
        SearchRefusedError: a parameter is unknown, twice, or has no allowed value.
    """
    single: dict[str, str] = {}
    chosen: dict[Facet, dict[str, None]] = {}
    for name, value in pairs:
        if name in _SINGLE:
            if name in single:
                raise SearchRefusedError("search.parameter-twice", f"Give {name} once.")
            single[name] = value
        elif name in set(Facet):
            facet = Facet.SIGNATURE if name == Facet.TRUST and value in tuple(Strength) else Facet(name)
            chosen.setdefault(facet, {})[_checked(facet, value)] = None
        else:
            allowed = ", ".join([*_SINGLE, *Facet])
            raise SearchRefusedError(
                "search.unknown-parameter", f"There is no parameter {shown(name)}; there are {allowed}."
            )
    if any(len(values) > MAX_CHOSEN for values in chosen.values()):
        raise SearchRefusedError(
            "search.too-many-filters", f"Choose at most {MAX_CHOSEN} values of a filter."
        )
    for facet in CHOSEN_BY_SITE:
        values = chosen.setdefault(facet, dict.fromkeys(usual[facet]))
        if EVERY in values:
            values.clear()
    return SearchRequest(
        words=clean(single.get("q", "")),
        chosen={facet: tuple(values) for facet, values in chosen.items() if values},
        created_from=_moment(single, "created-from", timedelta()),
        created_before=_moment(single, "created-to", timedelta(days=1)),
        sort=_sort(single.get("sort")),
        limit=_limit(single.get("limit")),
        cursor=single.get("cursor") or None,
        scope=_scope(single.get("scope")),
        checksum=_checksum(single.get("checksum")),
        reachable=_reachable(single.get("reachable")),
        expires_within=_days(single.get("expires-within")),
    )


_SINGLE = (
    "q",
    "created-from",
    "created-to",
    "sort",
    "limit",
    "cursor",
    "scope",
    "checksum",
    "reachable",
    "expires-within",
)


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
        if fingerprint != request.fingerprint():
            raise ValueError
        return Cursor(_value(request.order(), value), _entry_id(entry_id))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise foreign_cursor() from None


def foreign_cursor() -> SearchRefusedError:
    """The refusal of a cursor that belongs to another search."""
    return SearchRefusedError(
        "search.cursor", "The cursor belongs to another search; search again without a cursor."
    )


def _entry_id(value: Any) -> str:
    if not isinstance(value, str) or not _ENTRY_ID.fullmatch(value):
        raise ValueError
    return value


def _value(order: Sort, value: Any) -> Any:
    """The value of a cursor as the order compares it."""
    if order is Sort.RELEVANCE:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError
        return float(value)
    if ORDERS[order][0] is SortKey.TITLE:
        absent, title = value
        if not isinstance(absent, bool) or not isinstance(title, str):
            raise ValueError
        return absent, title
    return _whole(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ValueError
    return value


def _checked(facet: Facet, value: str) -> str:
    allowed = FIXED.get(facet)
    if allowed is not None and facet in CHOSEN_BY_SITE:
        allowed = (*allowed, EVERY)
    if allowed is not None and value not in allowed:
        every = ", ".join(allowed)
        raise SearchRefusedError(
            "search.unknown-value", f"{facet.value} has no value {shown(value)}; there are {every}."
        )
    if not value.strip() or len(value) > _LONGEST_VALUE:
        raise SearchRefusedError(
            "search.unknown-value", f"{facet.value} needs a value of 1 to {_LONGEST_VALUE} characters."
        )
    return value


def _sort(name: str | None) -> Sort | None:
    try:
        return Sort(name) if name else None
    except ValueError:
        raise SearchRefusedError(
            "search.unknown-sort", f"There is no sort {shown(name)}; there are {', '.join(Sort)}."
        ) from None


def _scope(text: str | None) -> str:
    try:
        return parse_scope(text or ALL)
    except ScopeError as error:
        raise SearchRefusedError("search.scope", f"{error}, found {shown(text)}.") from None


def _checksum(text: str | None) -> Checksum | None:
    if not text:
        return None
    found = find_checksum(text)
    if found is None:
        raise SearchRefusedError("search.checksum", f"{CHECKSUM_FORMS}, found {shown(text)}.")
    return found


def _reachable(text: str | None) -> bool | None:
    if not text:
        return None
    if text not in REACHABLE:
        raise SearchRefusedError(
            "search.reachable", f"reachable is {' or '.join(REACHABLE)}, found {shown(text)}."
        )
    return text == REACHABLE[0]


def _days(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_DAYS):
        raise SearchRefusedError(
            "search.expires-within",
            f"expires-within must be a number of days from 1 to {MAX_DAYS}, found {shown(text)}.",
        )
    return int(text)


def _limit(text: str | None) -> int:
    if not text:
        return PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_PAGE):
        raise SearchRefusedError(
            "search.limit", f"limit must be a number from 1 to {MAX_PAGE}, found {shown(text)}."
        )
    return int(text)


def _moment(given: Mapping[str, str], name: str, after: timedelta) -> datetime | None:
    """A day or an exact time; ``after`` a day, or behind the second that an exact time names."""
    text = given.get(name)
    if not text:
        return None
    try:
        if len(text) == len("YYYY-MM-DD"):
            return parse_time(f"{text}T00:00:00Z") + after
        return parse_time(text) + (timedelta(seconds=1) if after else timedelta())
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
    except ValueError:
        raise SearchRefusedError(
            "search.date",
            f"{name} must be a date such as 2024-01-31 or 2024-01-31T12:00:00Z, found {shown(text)}.",
        ) from None
