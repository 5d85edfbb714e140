"""Entries that contradict each other at the same coordinates, and whose doing that is.

An *equivocation* is proved by the entries alone: one key signed two different
statements with one creation time. Where each statement has a key of its own, the
address is *contested*: anybody can put somebody's address into a certificate, so
the endorser need not have done anything. The same statement under several
certificates of one key is no conflict at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, case, literal, select, tuple_
from sqlalchemy.orm import Session

from marketplace.entries.records import EntryRow
from marketplace.entries.rows import COORDINATES, select_named, to_row
from marketplace.models import Certificate, ChangeRow, ConflictCoordinates, Entry
from marketplace.models.base import UtcSecond
from marketplace.rules.current import preferred
from marketplace.rules.trust import is_trusted
from marketplace.rules.visibility import VisibleLogs
from validators.document import Coordinates

#: Entries shown and read at one place: a peer can send any number of them.
MOST_SIDES, MOST_READ = 20, 1000
#: Places looked at in one go; most of them are conflicts for whoever may see anything there.
_CHUNK = 200


class ConflictKind(StrEnum):
    """Whose doing a conflict is."""

    EQUIVOCATION = "equivocation"
    CONTESTED = "contested"


@dataclass(frozen=True, slots=True)
class ConflictingEntry:
    """One entry of a conflict.

    Args:
        statement: stands for content and key.
        fingerprint: of the certificate.
        accepted_at: when a log the reader sees took it first.
    """

    row: EntryRow
    statement: str
    fingerprint: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """Entries with the same coordinates that say different things; what readers are shown comes first.

    Args:
        entries: at most MOST_SIDES of them.
        total: how many there are, counted up to MOST_READ.
    """

    coordinates: Coordinates
    kind: ConflictKind
    entries: tuple[ConflictingEntry, ...]
    total: int


def find_kind(pairs: Iterable[tuple[str, str]]) -> ConflictKind | None:
    """Whose doing it is that these statements stand at one place; None where there is no conflict.

    Args:
        pairs: pairs of key and statement.
    """
    by_key: defaultdict[str, set[str]] = defaultdict(set)
    for key, statement in pairs:
        by_key[key].add(statement)
    if any(len(statements) > 1 for statements in by_key.values()):
        return ConflictKind.EQUIVOCATION
    return ConflictKind.CONTESTED if len(by_key) > 1 else None


def find_conflicts(
    session: Session, scope: VisibleLogs, after: Coordinates | None, email: str | None, limit: int
) -> Sequence[Conflict]:
    """The conflicts among the entries of a scope, by coordinates."""
    found: list[Conflict] = []
    while len(found) < limit:
        places = _coordinates(session, after, email)
        found += [one for place in places if (one := find_conflict(session, scope, place)) is not None]
        if len(places) < _CHUNK:
            break
        after = places[-1]
    return found[:limit]


@lru_cache(maxsize=256)
def _said_at(logs: tuple[int, ...]) -> Select[Any]:
    """What is said at a place."""
    return (
        select_named(logs, *COORDINATES)
        .add_columns(Entry.statement, Certificate.fingerprint, ChangeRow.accepted_at)
        # What the site trusts first, and then in the order of precedence, so that what is left out is what
        # nobody is shown anyway.
        .order_by(case((is_trusted(), 0), else_=1), Entry.deprecated.is_(None), Entry.entry_id)
        .limit(MOST_READ)
    )


def find_conflict(session: Session, scope: VisibleLogs, coordinates: Coordinates) -> Conflict | None:
    """The conflict at a place, as far as a scope shows it; None where it shows none."""
    rows = session.connection().execute(_said_at(scope.keys), asdict(coordinates))
    said = [
        ConflictingEntry(to_row(row), statement, fingerprint, accepted_at)
        for *row, statement, fingerprint, accepted_at in rows
    ]
    shown = preferred(one.row.claim() for one in said)
    said.sort(key=lambda one: (one.row is shown, one.row.rank()), reverse=True)
    kind = find_kind((one.row.key_digest, one.statement) for one in said)
    return None if kind is None else Conflict(coordinates, kind, tuple(said[:MOST_SIDES]), len(said))


def _coordinates(session: Session, after: Coordinates | None, email: str | None) -> list[Coordinates]:
    order = (ConflictCoordinates.identifier, ConflictCoordinates.email, ConflictCoordinates.created)
    statement = select(*order).order_by(*order).limit(_CHUNK)
    if after is not None:
        created = literal(after.created, UtcSecond())
        behind = tuple_(*order) > tuple_(literal(after.identifier), literal(after.email), created)
        statement = statement.where(behind)
    if email is not None:
        statement = statement.where(ConflictCoordinates.email == email)
    return [Coordinates(**row._mapping) for row in session.execute(statement)]
