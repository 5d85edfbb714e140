"""Makes an entry of its own again of what was erased from logs that the uploader does not see.

What was erased does not come back to the log that it stood in, nor where the public one had it. But who
uploads elsewhere must not learn from the answer that some group had the entry: it is taken as a new one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.ingest.row_visibility import show
from marketplace.ingest.rows import Row
from marketplace.models import ChangeRow, Entry, EntryBody, Erasure
from validators.document import AcceptedEntry


def revive(
    session: Session, entry: AcceptedEntry, entry_key: int, row: Row, digest: str, now: datetime
) -> None:
    """Give an erased entry its columns and bytes back, and forget that it was erased.

    Args:
        row: its columns.
        digest: SHA-256 of its bytes. Others that were signed the same stay away.
        now: when, for the audit log: an operator may have to erase it from the other log too.
    """
    session.execute(delete(Erasure).where(Erasure.entry_key == entry_key))
    session.execute(
        update(Entry).where(Entry.id == entry_key).values(**row).execution_options(synchronize_session=False)
    )
    session.execute(
        update(EntryBody)
        .where(EntryBody.entry_key == entry_key, EntryBody.sha256 == digest)
        .values(data=entry.data)
        .execution_options(synchronize_session=False)
    )
    AuditLog(session).record("upload", "entry.return", entry.entry_id, {}, at=now)


def show_again(session: Session, entry_key: int, digest: str) -> None:
    """Show a revived entry in the logs that it was erased from, as far as its bytes are there."""
    logs = session.scalars(
        select(ChangeRow.log_id)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(ChangeRow.entry_key == entry_key, EntryBody.sha256 == digest)
    ).all()
    for log_id in logs:
        show(session, log_id, [entry_key])
