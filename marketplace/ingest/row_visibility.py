"""Changes which rows of a log are shown, and what that makes current."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace.entries.erased import find_erasures
from marketplace.ingest.current_rows import renew
from marketplace.ingest.incoming import Image
from marketplace.ingest.locks import lock_names, series_name
from marketplace.ingest.renewals import note_renewals
from marketplace.models import ChangeRow, Entry, Erasure, Log
from marketplace.portions import portions

#: Keys named in one statement.
_CHUNK = 500


def show(session: Session, log_id: int, entry_keys: Collection[int]) -> None:
    """Show rows of a log that were erased; every follower of the log starts again."""
    _set_shown(session, log_id, sorted(entry_keys), shown=True)
    _start_again(session, log_id)


def hide(session: Session, log_id: int, entry_keys: Collection[int]) -> None:
    """Show rows of a log no longer that are about to be erased; the log and its peers keep them.

    Every follower of the log starts again: what the entries were about goes, and nobody could look it up.
    """
    _set_shown(session, log_id, sorted(entry_keys), shown=False)
    _start_again(session, log_id)


def switch(session: Session, log_id: int, entry_keys: Collection[int], *, shown: bool) -> int:
    """Show rows of a log, or show them no longer; followers look at their images again, and at nothing else.

    Call it first in a transaction: it locks what is said about the images. Rows that are as they are
    wanted, or were erased meanwhile, stay as they are.

    Returns:
        how many rows changed.
    """
    keys = sorted(entry_keys)
    lock_names(session.connection(), [series_name(*image) for image in _images(session, keys)])
    wrong: list[int] = []
    for chunk in portions(keys, _CHUNK):
        wrong += session.scalars(
            select(ChangeRow.entry_key)
            .outerjoin(Erasure, Erasure.entry_key == ChangeRow.entry_key)
            .where(
                ChangeRow.log_id == log_id,
                ChangeRow.entry_key.in_(chunk),
                ChangeRow.shown.is_not(shown),
                Erasure.entry_key.is_(None),
            )
        )
    note_renewals(session, log_id, _set_shown(session, log_id, wrong, shown=shown))
    return len(wrong)


def _set_shown(session: Session, log_id: int, keys: Sequence[int], *, shown: bool) -> list[Image]:
    for chunk in portions(keys, _CHUNK):
        session.execute(
            update(ChangeRow)
            .where(ChangeRow.log_id == log_id, ChangeRow.entry_key.in_(chunk))
            .values(shown=shown)
            .execution_options(synchronize_session=False)
        )
    images = _images(session, keys)
    renew(session.connection(), find_erasures(session), images, [log_id])
    return images


def _start_again(session: Session, log_id: int) -> None:
    session.execute(update(Log).where(Log.id == log_id).values(revision=Log.revision + 1))


def _images(session: Session, keys: Sequence[int]) -> list[Image]:
    """What some entries are about, each image with its endorser once."""
    found: set[Image] = set()
    for chunk in portions(keys, _CHUNK):
        rows = session.execute(select(Entry.identifier, Entry.email).where(Entry.id.in_(chunk)))
        found.update((identifier, email) for identifier, email in rows)
    return sorted(found)
