"""Everything known about one entry: what it says, how it was signed, and how it stands now."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from marketplace.entries.ordering import NAMED
from marketplace.entries.records import (
    MOST_RIVALS,
    EntryRecord,
    EntryRow,
    Rival,
)
from marketplace.entries.rows import has_coordinates, rows_of, select_rows, to_row
from marketplace.entries.twins import find_vouching
from marketplace.models import (
    Certificate,
    ChangeRow,
    Current,
    Entry,
    EntryBody,
    EntryLocation,
    EntryTag,
    Log,
)
from marketplace.rules.visibility import VisibleLogs


def read_record(session: Session, scope: VisibleLogs, row: EntryRow) -> EntryRecord:
    """Everything known about an entry that a reader sees."""
    body = session.execute(
        select(
            Certificate.der,
            Certificate.email,
            Certificate.not_before,
            Certificate.not_after,
            EntryBody.signature_algorithm,
            EntryBody.digest_algorithm,
            EntryBody.size,
            ChangeRow.accepted_at,
            ChangeRow.origin,
        )
        .select_from(Entry)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(Entry.id == row.key, scope.serves())
    ).one()
    currents = _currents(session, scope, row)
    current = next(iter(currents), None)
    shown = "" if current is None else _vouching_id(session, scope, current.key)
    locations = session.scalars(
        select(EntryLocation.uri).where(EntryLocation.entry_key == row.key).order_by(EntryLocation.position)
    )
    tags = select(EntryTag.tag).where(EntryTag.entry_key == row.key).order_by(EntryTag.position)
    logs = (
        select(Log.name)
        .join(ChangeRow, ChangeRow.log_id == Log.id)
        .where(ChangeRow.entry_key == row.key, scope.covers(ChangeRow.log_id), ChangeRow.shown)
        .order_by(Log.id)
    )
    others = _others(session, scope, row) if row.conflicting else ()
    return EntryRecord(
        row=row,
        locations=tuple(locations),
        tags=tuple(session.scalars(tags)),
        certificate=body.der,
        certificate_email=body.email,
        not_before=body.not_before,
        not_after=body.not_after,
        signature_algorithm=body.signature_algorithm,
        digest_algorithm=body.digest_algorithm,
        conflicts=tuple(sorted(others)),
        current_id=shown,
        current=None if current is None else current.coordinates,
        withdrawn=None if current is None or current.key == row.key else current.deprecated,
        rivals=tuple(
            Rival(one.entry_id, one.coordinates, one.key_digest, one.trusted) for one in currents[1:]
        ),
        accepted_at=body.accepted_at,
        origin=body.origin,
        body_size=body.size,
        logs=tuple(session.scalars(logs)),
    )


def _currents(session: Session, scope: VisibleLogs, row: EntryRow) -> Sequence[EntryRow]:
    """The current entries of an entry's image and address; the first is the one that counts in its place.

    That is the one signed with the same key, else the one that superseded it because it is trusted.
    """
    same_key = case((Current.key_digest == row.key_digest, 0), else_=1)
    trusted = case((Current.trusted_id.is_(None), 1), else_=0)
    keys = session.scalars(
        select(Current.entry_key)
        .where(scope.current(), Current.identifier == row.identifier, Current.email == row.email)
        .order_by(same_key, trusted, Current.created.desc(), Current.entry_id)
        .limit(MOST_RIVALS + 1)
    ).all()
    found = {one.key: one for one in read_rows(session, scope, keys)}
    return [found[key] for key in keys if key in found]


def _others(session: Session, scope: VisibleLogs, row: EntryRow) -> Sequence[str]:
    """Ids of the visible entries that say something else at the coordinates of this one."""
    own = select(Entry.statement).where(Entry.id == row.key).scalar_subquery()
    found = session.execute(
        select_rows(scope).where(*has_coordinates(row.coordinates), Entry.statement != own)
    )
    return [to_row(other).entry_id for other in found]


def _vouching_id(session: Session, scope: VisibleLogs, key: int) -> str:
    """The id of an entry, or of the one that vouches for the same."""
    vouching = find_vouching(session, scope, [key]).get(key, key)
    return session.scalars(select(Entry.entry_id).where(Entry.id == vouching)).one()


def read_rows(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> Sequence[EntryRow]:
    """The rows of entries that a reader sees, in no order."""
    statement, found = rows_of(scope.keys), list[EntryRow]()
    for start in range(0, len(keys), NAMED):
        chunk = {"keys": list(keys[start : start + NAMED])}
        found += map(to_row, session.execute(statement, chunk))
    return found
