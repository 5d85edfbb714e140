"""What changed between the statements of a publisher about an image, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from marketplace.entries import EntryRow, VisibleEntries
from validators.errors import RefusedError
from validators.revision import changes_between
from validators.signing_errors import DraftError

from .display import cut
from .terms import label_of

#: Statements that are compared with the one before, and changes that are shown of each.
MOST_COMPARED, MOST_CHANGES = 8, 12
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class ChangedTerm:
    """A term that says something else than before; ``before`` or ``after`` is empty where it has no value."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangedStatement:
    """A statement with what it changed; None where it is the first, or is not compared."""

    row: EntryRow
    changes: Sequence[ChangedTerm] | None
    first: bool


def history(visible: VisibleEntries, timeline: Sequence[EntryRow], email: str) -> list[ChangedStatement]:
    """The statements of one publisher about an image, the newest first.

    Args:
        timeline: every statement about it, in any order.
    """
    rows = sorted((row for row in timeline if row.email == email), key=EntryRow.rank)[::-1]
    bodies = [_body(visible, row) for row in rows[: MOST_COMPARED + 1]]
    told = []
    for place, row in enumerate(rows):
        first = place == len(rows) - 1
        changes = None
        if not first and place < MOST_COMPARED:
            changes = compare(bodies[place + 1], bodies[place])
        told.append(ChangedStatement(row, changes, first))
    return told


def _body(visible: VisibleEntries, row: EntryRow) -> bytes:
    stored = visible.find_body(row.coordinates)
    return b"" if stored is None else stored.data


def compare(before: bytes, after: bytes) -> list[ChangedTerm] | None:
    """The terms that say something else; None where the two cannot be compared."""
    try:
        lines = changes_between(before, after)
    except (DraftError, RefusedError):
        return None
    return list(_changes(lines))[:MOST_CHANGES]


def _changes(lines: Sequence[str]) -> Iterator[ChangedTerm]:
    """One change for each term, the old and the new value beside each other."""
    values: dict[str, tuple[list[str], list[str]]] = {}
    for line in lines:
        name, _, text = line[2:].partition(" ")
        values.setdefault(name, ([], []))[line.startswith("+")].append(text)
    for name, (old, new) in values.items():
        yield ChangedTerm(label_of(name), cut(", ".join(old), _LONGEST), cut(", ".join(new), _LONGEST))
