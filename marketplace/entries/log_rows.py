"""A log as its readers see it: what was accepted, when, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Entry, Log
from validators.document import Coordinates


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of a log with the coordinates of its entry."""

    sequence: int
    entry_id: str
    coordinates: Coordinates
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class LogState:
    """How far a log is: what was told of it stays true for as long as this does.

    Args:
        size: rows.
        revision, renewals: change whenever other rows of it are shown.
        last: id of the entry of its last row; None for an empty log. A log that was lost and begun
            anew may have the size of the old one, and has another last row.
    """

    log_id: int
    size: int
    revision: int
    renewals: int
    last: str | None


_STATE = (
    select(Log.id, Log.next_sequence, Log.revision, Log.renewals, Entry.entry_id)
    .outerjoin(ChangeRow, and_(ChangeRow.log_id == Log.id, ChangeRow.sequence == Log.next_sequence - 1))
    .outerjoin(Entry, Entry.id == ChangeRow.entry_key)
    .where(Log.name == bindparam("name"))
)


def find_state(session: Session, log: str) -> LogState | None:
    """The newest row of a log; None where there is no log of that name."""
    found = session.execute(_STATE, {"name": log}).one_or_none()
    if found is None:
        return None
    log_id, size, revision, renewals, last = found
    return LogState(log_id, size=size, revision=revision, renewals=renewals, last=last)


def find_rows(session: Session, state: LogState, since: int, limit: int) -> list[LogEntry]:
    """The rows of a page of a log that are shown.

    Args:
        since: the first sequence wanted.
        limit: most rows.
    """
    if since >= state.size:
        return []
    found = session.execute(
        select(
            ChangeRow.sequence,
            Entry.entry_id,
            Entry.identifier,
            Entry.email,
            Entry.created,
            ChangeRow.accepted_at,
        )
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .where(
            ChangeRow.log_id == state.log_id,
            ChangeRow.sequence >= since,
            ChangeRow.sequence < since + limit,
            ChangeRow.shown,
        )
        .order_by(ChangeRow.sequence)
    )
    return [
        LogEntry(sequence, entry_id, Coordinates(identifier, email, created), accepted_at)
        for sequence, entry_id, identifier, email, created, accepted_at in found
    ]
