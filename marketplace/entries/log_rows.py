"""A log as its readers see it: what was accepted, when, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Entry, Log
from marketplace.rules.visibility import Stand
from validators.document import Coordinates


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of a log with the coordinates of its entry."""

    sequence: int
    entry_id: str
    coordinates: Coordinates
    accepted_at: datetime


_STATE = (
    select(Log.id, Log.next_sequence, Log.revision, Log.renewals, Entry.entry_id)
    .outerjoin(ChangeRow, and_(ChangeRow.log_id == Log.id, ChangeRow.sequence == Log.next_sequence - 1))
    .outerjoin(Entry, Entry.id == ChangeRow.entry_key)
    .where(Log.name == bindparam("name"))
)


def find_state(session: Session, log: str) -> tuple[Stand, str | None] | None:
    """How far a log is, with the id of its last entry; None where there is no log of that name.

    What was told of the log stays true for as long as this does: one that was lost and begun anew may be as
    far as the old one, and has another last entry.
    """
    found = session.execute(_STATE, {"name": log}).one_or_none()
    if found is None:
        return None
    key, size, revision, renewals, last = found
    return Stand(key, size, revision, renewals), last


def find_rows(session: Session, stand: Stand, since: int, limit: int) -> list[LogEntry]:
    """The rows of a page of a log that are shown.

    Args:
        since: the first sequence wanted.
        limit: most rows.
    """
    if since >= stand.size:
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
            ChangeRow.log_id == stand.key,
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
