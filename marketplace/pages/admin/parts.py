"""What an administration page is made of: facts, tables and links to acts, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

#: Rows of a page, and characters of a cell: below the 60 kB that a page may weigh, whatever they hold. The
#: rest of a long value is for the command line and the API.
ROWS, MOST_CHARACTERS = 30, 120


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table.

    Args:
        kind: ``code``, ``badge`` or nothing in particular.
        tone: of a badge.
        path: where it leads on this site.
        moment: shown in place of the text.
    """

    text: str
    kind: str = ""
    tone: str = "plain"
    path: str = ""
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActLink:
    """A way to an act. ``label`` says more to those who hear it without its row."""

    text: str
    path: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of a table, and what can be done with what it is about."""

    cells: Sequence[Cell]
    links: Sequence[ActLink] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``empty`` is said where it has no rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    empty: str


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence that stands out."""

    text: str
    tone: str = "warn"
    code: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A field that narrows a list."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class AdministrationPage:
    """One page of administration.

    Args:
        part: the part of administration it belongs to.
        acts: what can be done here, above the tables.
        further: query string of the next page; empty where this is the last one.
        range_text: which rows these are, in words.
    """

    part: str
    title: str
    lead: str = ""
    banners: Sequence[Banner] = ()
    facts: Sequence[tuple[str, str]] = ()
    acts: Sequence[ActLink] = ()
    filters: Sequence[Filter] = ()
    tables: Sequence[Table] = ()
    further: str = ""
    range_text: str = ""


def at(moment: datetime | None, instead: str) -> Cell:
    """A time, or what is said where there is none."""
    return Cell(instead) if moment is None else Cell("", moment=moment)


def act_path(part: str, act: str, **given: str | int) -> str:
    """Where an act is asked for, behind the site's URL."""
    query = urlencode(given)
    return f"/admin/{part}/{act}" + (f"?{query}" if query else "")


def part_path(part: str, **given: str | int) -> str:
    """Where a part's list is, behind the site's URL."""
    query = urlencode({name: value for name, value in given.items() if value != ""})
    return f"/admin/{part}" + (f"?{query}" if query else "")
