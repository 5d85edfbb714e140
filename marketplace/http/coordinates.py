"""Coordinates of an entry in URLs: read from the parts of a path, and written as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from validators.document import Coordinates
from validators.identifier import is_identifier
from validators.times import parse_time


def part_path(text: str) -> str:
    """Coordinates as the path of an entry, ready for a link."""
    return quote(text, safe="/@:+~")


def entry_path(coordinates: Coordinates) -> str:
    """Coordinates as part of a URL: an e-mail address may hold a percent sign."""
    return part_path(coordinates.path())


@dataclass(frozen=True, slots=True)
class NamedCoordinates:
    """What the parts of a path or a query name; None for what no part names."""

    identifier: str | None = None
    email: str | None = None
    created: datetime | None = None


class UnknownCoordinatesError(Exception):
    """A part is no identifier, e-mail address or date, or the second one of its kind: it matches nothing."""


def read_coordinates(parts: tuple[str, ...]) -> NamedCoordinates:
    """Tell identifiers, addresses and dates apart by their form, in any order.

    Raises:
        UnknownCoordinatesError: some part is none of them.
    """
    found = NamedCoordinates()
    for part in parts:
        if is_identifier(part) and found.identifier is None:
            found = replace(found, identifier=part)
        elif "@" in part and found.email is None:
            found = replace(found, email=part)
        elif found.created is None:
            found = replace(found, created=read_created(part))
        else:
            raise UnknownCoordinatesError(part)
    return found


def read_created(text: str) -> datetime:
    """The time of creation that a part spells.

    Raises:
        UnknownCoordinatesError: the text is no time.
    """
    try:
        return parse_time(text)
    except ValueError:
        raise UnknownCoordinatesError(text) from None
