"""The parameters of a URL as a search: what is unknown is refused, naming what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from marketplace.access.narrowing import ScopeError, parse_scope
from marketplace.facets import CHOSEN_BY_SITE, EVERY, Facet
from marketplace.rules.trust import LISTED_MARKS, ListedTrust
from marketplace.search.errors import SearchRefusedError
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.words import clean
from validators.checksums import find_checksum
from validators.document import Checksum, Strength
from validators.errors import printable
from validators.status import Status
from validators.times import parse_time

#: Hits on a page at most.
MAX_PAGE = 100
#: Values of one facet chosen at the same time.
MAX_CHOSEN = 50
#: How a checksum is given.
CHECKSUM_FORMS = (
    "checksum must be all hex digits of an MD5, SHA-1, SHA-256, SHA-384 or SHA-512, alone or as sha256:HEX, "
    "or an identifier"
)
#: Days of ``expires-within`` at most, and seconds of one.
MAX_DAYS = 3650
#: Values of ``reachable``.
REACHABLE = ("yes", "no")
_LONGEST_VALUE = 1000


def usual_choice(trust: ListedTrust) -> Mapping[Facet, tuple[str, ...]]:
    """What a search narrows by where it does not say: valid entries, and of those what the site shows."""
    return {
        Facet.STATUS: (Status.VALID.value,),
        Facet.TRUST: tuple(mark.value for mark in LISTED_MARKS[trust]),
    }


def parse_request(
    pairs: Iterable[tuple[str, str]], usual: Mapping[Facet, tuple[str, ...]] = usual_choice(ListedTrust.ANY)
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
                "search.unknown-parameter", f"There is no parameter {printable(name)}; there are {allowed}."
            )
    if any(len(values) > MAX_CHOSEN for values in chosen.values()):
        raise SearchRefusedError(
            "search.too-many-filters", f"Choose at most {MAX_CHOSEN} values of a filter."
        )
    for facet in CHOSEN_BY_SITE:
        values = chosen.setdefault(facet, dict.fromkeys(usual[facet]))
        if EVERY in values:
            values.clear()
    given = {field: read(single[name]) for name, (field, read) in _SINGLE.items() if single.get(name)}
    return SearchRequest(chosen={facet: tuple(values) for facet, values in chosen.items() if values}, **given)


def _checked(facet: Facet, value: str) -> str:
    if facet.choices and value not in facet.choices:
        every = ", ".join(facet.choices)
        raise SearchRefusedError(
            "search.unknown-value", f"{facet.value} has no value {printable(value)}; there are {every}."
        )
    if not value.strip() or len(value) > _LONGEST_VALUE:
        raise SearchRefusedError(
            "search.unknown-value", f"{facet.value} needs a value of 1 to {_LONGEST_VALUE} characters."
        )
    return value


def _sort(name: str) -> Sort:
    try:
        return Sort(name)
    except ValueError:
        raise SearchRefusedError(
            "search.unknown-sort", f"There is no sort {printable(name)}; there are {', '.join(Sort)}."
        ) from None


def _scope(text: str) -> str:
    try:
        return parse_scope(text)
    except ScopeError as error:
        raise SearchRefusedError("search.scope", f"{error}, found {printable(text)}.") from None


def _checksum(text: str) -> Checksum:
    found = find_checksum(text)
    if found is None:
        raise SearchRefusedError("search.checksum", f"{CHECKSUM_FORMS}, found {printable(text)}.")
    return found


def _reachable(text: str) -> bool:
    if text not in REACHABLE:
        raise SearchRefusedError(
            "search.reachable", f"reachable is {' or '.join(REACHABLE)}, found {printable(text)}."
        )
    return text == REACHABLE[0]


def _number(name: str, kind: str, most: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most):
        raise SearchRefusedError(
            f"search.{name}", f"{name} must be {kind} from 1 to {most}, found {printable(text)}."
        )
    return int(text)


def _moment(name: str, after: timedelta, text: str) -> datetime:
    """A day or an exact time; ``after`` a day, or behind the second that an exact time names."""
    try:
        if len(text) == len("YYYY-MM-DD"):
            return parse_time(f"{text}T00:00:00Z") + after
        return parse_time(text) + (timedelta(seconds=1) if after else timedelta())
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
    except ValueError:
        raise SearchRefusedError(
            "search.date",
            f"{name} must be a date such as 2024-01-31 or 2024-01-31T12:00:00Z, found {printable(text)}.",
        ) from None


#: What is given once at most: the argument of the request, and what reads it.
_SINGLE: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "q": ("words", clean),
    "created-from": ("created_from", partial(_moment, "created-from", timedelta())),
    "created-to": ("created_before", partial(_moment, "created-to", timedelta(days=1))),
    "sort": ("sort", _sort),
    "limit": ("limit", partial(_number, "limit", "a number", MAX_PAGE)),
    "cursor": ("cursor", str),
    "scope": ("scope", _scope),
    "checksum": ("checksum", _checksum),
    "reachable": ("reachable", _reachable),
    "expires-within": ("expires_within", partial(_number, "expires-within", "a number of days", MAX_DAYS)),
}
