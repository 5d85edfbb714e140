"""Changes which rows of a log are shown, and what that makes current."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from marketplace.entries.erased import find_erasures
from marketplace.ingest.rows import current_row
from marketplace.models import Change, Current, Entry, Log
from marketplace.rules.current import precedence

#: Keys named in one statement.
_CHUNK = 500
_ENTRY_COLUMNS = [column.name for column in Entry.__table__.columns]


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
            update(Change)
            .where(Change.log_id == log_id, Change.entry_key.in_(chunk))
            .values(shown=shown)
            .execution_options(synchronize_session=False)
        )
        found = session.execute(select(Entry.identifier, Entry.email).where(Entry.id.in_(chunk)))
        images.update((identifier, email) for identifier, email in found)
    touched = sorted(images)
    for start in range(0, len(touched), _CHUNK):
        _make_current(session, log_id, touched[start : start + _CHUNK])
    if keys:
        session.execute(update(Log).where(Log.id == log_id).values(revision=Log.revision + 1))


def _make_current(session: Session, log_id: int, images: Sequence[tuple[str, str]]) -> None:
    """Let the list have the best of what each endorser says about an image, as far as it is shown."""
    erased = find_erasures(session)
    best = {
        image: entry
        for image in images
        if (entry := _best(session, log_id, *image)) is not None
        and not erased.supersedes(log_id, *image, entry.created)
    }
    for identifier, email in images:
        if (identifier, email) not in best:
            session.execute(delete(Current).where(*_listed(log_id, identifier, email)))
    for (identifier, email), entry in best.items():
        values = current_row({name: getattr(entry, name) for name in _ENTRY_COLUMNS})
        values |= {"log_id": log_id, "entry_key": entry.id}
        listed = session.scalar(select(Current.id).where(*_listed(log_id, identifier, email)))
        if listed is None:
            session.execute(insert(Current).values(**values))
            continue
        session.execute(
            update(Current)
            .where(Current.id == listed)
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _best(session: Session, log_id: int, identifier: str, email: str) -> Entry | None:
    series = session.scalars(
        select(Entry)
        .join(Change, Change.entry_key == Entry.id)
        .where(Change.log_id == log_id, Change.shown, Entry.identifier == identifier, Entry.email == email)
    )
    return max(series, key=_rank, default=None)


def _listed(log_id: int, identifier: str, email: str) -> tuple[ColumnElement[bool], ...]:
    return Current.log_id == log_id, Current.identifier == identifier, Current.email == email


def _rank(entry: Entry) -> tuple[object, bool, int]:
    return precedence(entry.created, entry.deprecated is not None, entry.entry_id)
