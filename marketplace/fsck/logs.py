"""Checks 4 and 6: the logs are dense and consistent, and no follower is ahead of them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace.fsck.damage import Damage
from marketplace.models import ChangeRow, Entry, EntryBody, FollowerCursor, Log


def verify_logs(session: Session) -> Iterator[Damage]:
    """Check that each log counts 0, 1, 2, ... to its counter, and that its rows lead to the right bytes."""
    for log in session.execute(select(Log.id, Log.name, Log.next_sequence).order_by(Log.name)):
        yield from _verify_dense(session, log.id, log.name, log.next_sequence)
    strayed = (
        select(Log.name, ChangeRow.sequence)
        .join(Log, Log.id == ChangeRow.log_id)
        .outerjoin(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where((EntryBody.id.is_(None)) | (EntryBody.entry_key != ChangeRow.entry_key))
        .order_by(Log.name, ChangeRow.sequence)
    )
    for name, sequence in session.execute(strayed):
        yield Damage(
            "log.body", f"log {name}", f"the document of sequence {sequence} belongs to another entry"
        )
    unlisted = select(Entry.entry_id).where(
        ~select(ChangeRow.sequence).where(ChangeRow.entry_key == Entry.id).exists()
    )
    for entry_id in session.scalars(unlisted):
        yield Damage("log.unlisted", entry_id, "the entry is stored but is in no log")


def _verify_dense(session: Session, log_id: int, name: str, size: int) -> Iterator[Damage]:
    expected = 0
    for sequence in session.scalars(
        select(ChangeRow.sequence)
        .where(ChangeRow.log_id == log_id)
        .order_by(ChangeRow.sequence)
        .execution_options(yield_per=1000)
    ):
        if sequence != expected:
            yield Damage("log.gap", f"log {name}", f"after {expected - 1} comes sequence {sequence}")
        expected = sequence + 1
    if expected != size:
        yield Damage("log.counter", f"log {name}", f"the counter is {size}, the log ends before {expected}")


def verify_cursors(session: Session) -> Iterator[Damage]:
    """Check that no follower claims to have read what the log does not have."""
    ahead = (
        select(FollowerCursor.follower, Log.name, FollowerCursor.position, Log.next_sequence)
        .join(Log, Log.id == FollowerCursor.log_id)
        .where(FollowerCursor.position > Log.next_sequence)
        .order_by(FollowerCursor.follower, func.coalesce(Log.name, ""))
    )
    for follower, name, position, size in session.execute(ahead):
        yield Damage(
            "follower.ahead", f"follower {follower}", f"is at {position}, the log {name} ends at {size}"
        )
