"""The public log as readers see it: what was accepted, when, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.models import Change, Entry
from validators.document import Coordinates


@dataclass(frozen=True, slots=True)
class Announced:
    """A row of the public log with the coordinates of its entry."""

    sequence: int
    entry_id: str
    coordinates: Coordinates
    accepted_at: datetime


def announced(session: Session, since: int, limit: int) -> tuple[int, int, list[Announced]]:
    """A page of the public log.

    Args:
        since: the first sequence wanted.
        limit: most rows.

    Returns:
        the sequence behind the page, how many rows the log has, and those of the page that are shown.
    """
    log = ChangeLog(session)
    size = log.size(PUBLIC)
    if since >= size:
        return since, size, []
    found = session.execute(
        select(
            Change.sequence,
            Entry.entry_id,
            Entry.identifier,
            Entry.email,
            Entry.created,
            Change.accepted_at,
            Change.shown,
        )
        .join(Entry, Entry.id == Change.entry_key)
        .where(Change.log_id == log.key(PUBLIC), Change.sequence >= since, Change.sequence < since + limit)
        .order_by(Change.sequence)
    )
    return (
        min(size, since + limit),
        size,
        [
            Announced(sequence, entry_id, Coordinates(identifier, email, created), accepted_at)
            for sequence, entry_id, identifier, email, created, accepted_at, shown in found
            if shown
        ],
    )
