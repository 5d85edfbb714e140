"""The ten columns of the list, the directions of its order, and how text is folded for searches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from marketplace.models.current import SEPARATOR
from validators.document import format_time


class Column(StrEnum):
    """A column of the list, in the order of the DataTables rows (whose column 0 is empty)."""

    OS = "os"
    OS_VERSION = "os_version"
    OS_ARCH = "os_arch"
    EMAIL = "email"
    KIND = "kind"
    CREATED = "created"
    IDENTIFIER = "identifier"
    LOCATION = "location"
    DESCRIPTION = "description"
    TITLE = "title"


class Direction(StrEnum):
    """The direction of an order; descending is the exact reverse of ascending."""

    ASCENDING = "asc"
    DESCENDING = "desc"


#: Columns that can be searched on their own.
SEARCHABLE = frozenset({Column.OS, Column.OS_VERSION, Column.OS_ARCH, Column.EMAIL, Column.KIND})


def fold(text: str) -> str:
    """Text as searches compare it: case is gone, everything else stays."""
    return text.casefold()


def search_text(values: Iterable[str | datetime | None]) -> str:
    """All present columns in one text, apart from each other, for words that may stand in any of them.

    Args:
        values: of all columns, in their order.
    """
    return fold(
        SEPARATOR.join(
            format_time(value) if isinstance(value, datetime) else value
            for value in values
            if value is not None
        )
    )


def is_web(locations: tuple[str, ...]) -> bool:
    """Whether anybody can fetch the content: some location is http, https or ftp, or none is named."""
    schemes = ("http:", "https:", "ftp:")
    return not locations or any(uri.strip().lower().startswith(schemes) for uri in locations)


def is_pdisk(locations: tuple[str, ...]) -> bool:
    """Whether a cloud's own storage has the content: some location starts with pdisk."""
    return any(uri.strip().lower().startswith("pdisk") for uri in locations)


def tag_digest(tag: str) -> str:
    """What the index of tags holds for a tag: 32 hex digits."""
    return hashlib.sha256(tag.encode()).hexdigest()[:32]
