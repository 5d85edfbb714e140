"""Which entries a URL selects: parts of the path, parameters, and the table protocol's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from datetime import datetime

from marketplace.entries import (
    Column,
    Direction,
    EntryQuery,
    LocationFilter,
    StatusFilter,
)
from marketplace.facets import TrustMark
from marketplace.http.coordinates import (
    NamedCoordinates,
    UnknownCoordinatesError,
    read_coordinates,
    read_created,
)
from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import one_of, whole_number
from marketplace.rules.trust import LISTED_MARKS, ListedTrust
from marketplace.search.parameters import CHECKSUM_FORMS
from marketplace.search.words import clean
from validators.checksums import find_checksum
from validators.document import Checksum
from validators.errors import printable
from validators.identifier import is_identifier

STATUSES = tuple(status.value for status in StatusFilter)
LOCATIONS = tuple(location.value for location in LocationFilter)
#: Stands for every mark of trust.
EVERY_TRUST = "all"
TRUSTS = (EVERY_TRUST, *(mark.value for mark in TrustMark))
DIRECTIONS = tuple(direction.value for direction in Direction)

#: Rows before which nobody pages by number; also what a database's offset can hold.
_MOST_OFFSET = 2**31 - 1
_MOST_SEARCH_LENGTH = 500

#: The columns of the table protocol, from 1: its column 0 is empty.
_COLUMNS = tuple(Column)
#: Those that a table can search one by one.
_SEARCHED = _COLUMNS[:5]


def select(
    parts: tuple[str, ...],
    fields: Mapping[str, str],
    *,
    now: datetime,
    default_limit: int,
    cap: int,
    listed: ListedTrust = ListedTrust.ANY,
) -> EntryQuery:
    """The query that a list's URL and fields make.

    Args:
        parts: of the path behind ``/metadata/``.
        fields: of the query string, and of the form where there is one.
        now: what "expired" is measured against.
        default_limit: entries on a page where none is asked for.
        cap: most entries in one answer.
        listed: what the site's lists show where the fields do not say; coordinates find their entry anyway.

    Raises:
        BadRequestError: a field has a value that cannot be meant.
        EntryQueryError: no list answers the query.
        UnknownCoordinatesError: the selection names something that no entry can be.
    """
    named = _named(read_coordinates(parts), fields)
    sort, direction = _order(fields)
    return EntryQuery(
        now=now,
        status=StatusFilter(one_of("status", fields.get("status") or "valid", STATUSES)),
        location=LocationFilter(one_of("location", fields.get("location") or "all", LOCATIONS)),
        identifier=named.identifier,
        email=named.email,
        created=named.created,
        tag=fields.get("tag") or None,
        checksum=_checksum(fields.get("checksum")),
        trust=_trust(fields, ListedTrust.ANY if all(astuple(named)) else listed),
        search=_search("sSearch", fields),
        columns=tuple((column, _search(f"sSearch_{n}", fields)) for n, column in enumerate(_SEARCHED, 1)),
        sort=sort,
        direction=direction,
        offset=_offset(fields),
        limit=min(_limit(fields, default_limit), cap),
    )


def _trust(fields: Mapping[str, str], listed: ListedTrust) -> frozenset[TrustMark]:
    asked = one_of("trust", fields.get("trust") or "", ("", *TRUSTS))
    if not asked:
        return frozenset(LISTED_MARKS[listed])
    return frozenset() if asked == EVERY_TRUST else frozenset({TrustMark(asked)})


def _named(parts: NamedCoordinates, fields: Mapping[str, str]) -> NamedCoordinates:
    if identifier := fields.get("identifier"):
        if not is_identifier(identifier) or parts.identifier not in (None, identifier):
            raise UnknownCoordinatesError(identifier)
        parts = replace(parts, identifier=identifier)
    if email := fields.get("email"):
        # In a query a plus sign means a space, which no address holds: it was typed as a plus sign.
        email = email.replace(" ", "+")
        if parts.email not in (None, email):
            raise UnknownCoordinatesError(email)
        parts = replace(parts, email=email)
    if text := fields.get("created"):
        created = read_created(text)
        if parts.created not in (None, created):
            raise UnknownCoordinatesError(text)
        parts = replace(parts, created=created)
    return parts


def _checksum(text: str | None) -> Checksum | None:
    if not text:
        return None
    found = find_checksum(text)
    if found is None:
        raise BadRequestError("query.checksum", f"{CHECKSUM_FORMS}, found {printable(text)}")
    return found


def _limit(fields: Mapping[str, str], default: int) -> int:
    if (length := fields.get("iDisplayLength")) is not None and length != "":
        # The table protocol's word for "all".
        return _MOST_OFFSET if length == "-1" else _number("iDisplayLength", length, 0)
    return _number("limit", fields["limit"], 1) if fields.get("limit") else default


def _offset(fields: Mapping[str, str]) -> int:
    for name in ("iDisplayStart", "offset"):
        if fields.get(name):
            return _number(name, fields[name], 0)
    return 0


def _number(name: str, text: str, least: int) -> int:
    return whole_number(name, text, least=least, most=_MOST_OFFSET)


def _order(fields: Mapping[str, str]) -> tuple[Column, Direction]:
    direction = Direction(one_of("sSortDir_0", fields.get("sSortDir_0") or "asc", DIRECTIONS))
    if not fields.get("iSortCol_0"):
        return Column.CREATED, Direction.DESCENDING
    number = whole_number("iSortCol_0", fields["iSortCol_0"], least=0, most=len(_COLUMNS))
    # Column 0 of the table is empty: sorting by it means no order in particular.
    return (_COLUMNS[number - 1], direction) if number else (Column.CREATED, Direction.DESCENDING)


def _search(name: str, fields: Mapping[str, str]) -> str:
    text = clean(fields.get(name, ""))
    if len(text) > _MOST_SEARCH_LENGTH:
        raise BadRequestError(f"query.{name}", f"{name} has at most {_MOST_SEARCH_LENGTH} characters")
    return text
