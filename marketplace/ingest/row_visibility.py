"""Changes which rows of a log are shown, and what that makes current."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace.entries.erased import find_erasures
from marketplace.ingest.current_rows import renew
from marketplace.models import ChangeRow, Entry, Log

#: Keys named in one statement.
_CHUNK = 500


def show(session: Session, log_id: int, entry_keys: Collection[int]) -> None:
    """Show rows of a log that were not shown."""
    _set_shown(session, log_id, sorted(entry_keys), shown=True)


def hide(session: Session, log_id: int, entry_keys: Collection[int]) -> None:
    """Show rows of a log no longer; the log and its peers keep them."""
    _set_shown(session, log_id, sorted(entry_keys), shown=False)


def _set_shown(session: Session, log_id: int, keys: Sequence[int], *, shown: bool) -> None:
    images: set[tuple[str, str]] = set()
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        session.execute(
            update(ChangeRow)
            .where(ChangeRow.log_id == log_id, ChangeRow.entry_key.in_(chunk))
            .values(shown=shown)
            .execution_options(synchronize_session=False)
        )
        found = session.execute(select(Entry.identifier, Entry.email).where(Entry.id.in_(chunk)))
        images.update((identifier, email) for identifier, email in found)
    renew(session.connection(), find_erasures(session), sorted(images), [log_id])
    if keys:
        session.execute(update(Log).where(Log.id == log_id).values(revision=Log.revision + 1))
