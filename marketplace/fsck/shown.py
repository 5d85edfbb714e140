"""Check 5: what listings show is what the entries of the log make current."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.entries.erased import find_erasures
from marketplace.fsck.damage import Damage
from marketplace.ingest.rows import current_row
from marketplace.models import Change, Current, Entry, Log
from marketplace.rules.current import precedence
from validators.errors import shown

_ENTRY_COLUMNS = [column.name for column in Entry.__table__.columns]
_CURRENT_COLUMNS = [c.name for c in Current.__table__.columns if c.name not in ("id", "log_id")]


def verify_current(session: Session) -> Iterator[Damage]:
    """Recompute each log's current entries and compare them with the table, column by column."""
    for log_id, name in session.execute(select(Log.id, Log.name).order_by(Log.name)).all():
        expected = _current_keys(session, log_id)
        stored = session.execute(
            select(Current).where(Current.log_id == log_id).execution_options(yield_per=500)
        )
        for (row,) in stored:
            image = f"log {name}: {row.identifier}/{row.email}"
            key = expected.pop((row.identifier, row.email), None)
            if key is None:
                yield Damage("current.extra", image, "is listed, but the log shows no entry for it")
            elif key != row.entry_key:
                yield Damage("current.wrong", image, "is listed with an entry that is not the current one")
            else:
                yield from _verify_columns(session, row, image)
            session.expunge(row)
        for identifier, email in sorted(expected):
            yield Damage(
                "current.missing", f"log {name}: {identifier}/{email}", "is in the log and not listed"
            )


def _current_keys(session: Session, log_id: int) -> dict[tuple[str, str], int]:
    """The key of the current entry for each image and endorser of a log."""
    erased = find_erasures(session)
    best: dict[tuple[str, str], tuple[Any, int]] = {}
    rows = session.execute(
        select(Entry.id, Entry.identifier, Entry.email, Entry.created, Entry.deprecated, Entry.entry_id)
        .join(Change, Change.entry_key == Entry.id)
        .where(Change.log_id == log_id, Change.shown)
        .execution_options(yield_per=1000)
    )
    for key, identifier, email, created, deprecated, entry_id in rows:
        rank = precedence(created, deprecated is not None, entry_id)
        known = best.get((identifier, email))
        if known is None or known[0] < rank:
            best[identifier, email] = (rank, key)
    return {
        image: key for image, (rank, key) in best.items() if not erased.supersedes(log_id, *image, rank[0])
    }


def _verify_columns(session: Session, row: Current, image: str) -> Iterator[Damage]:
    entry = session.get_one(Entry, row.entry_key)
    expected = current_row({name: getattr(entry, name) for name in _ENTRY_COLUMNS})
    session.expunge(entry)
    for column in _CURRENT_COLUMNS:
        listed = getattr(row, column)
        if column in expected and listed != expected[column]:
            message = f"{column} is listed as {shown(listed)}, the entry has {shown(expected[column])}"
            yield Damage("current.column", image, message)
