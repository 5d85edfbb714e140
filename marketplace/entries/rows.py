"""From the tables to entries: their rows, and everything known about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, case, cast, false, func, select
from sqlalchemy.orm import Session

from marketplace.entries.records import MOST_RIVALS, EntryRecord, EntryRow, Rival
from marketplace.entries.twins import list_vouching
from marketplace.models import (
    Certificate,
    ChangeRow,
    Current,
    Entry,
    EntryBody,
    EntryChecksum,
    EntryLocation,
    EntryTag,
    Log,
    VerdictRow,
)
from marketplace.models.aliases import shared_alias
from marketplace.models.current import SEPARATOR
from marketplace.portions import NAMED, portions
from marketplace.rules.trust import StoredVerdict, is_confirmed
from marketplace.rules.visibility import VisibleLogs
from validators.document import Coordinates, Strength
from validators.verdict import Standing

#: Fields of an EntryRow that are columns of their own, in its order.
_NAMES = tuple(field.name for field in fields(EntryRow) if field.name != "verdict")
_PLACE = {name: place for place, name in enumerate(_NAMES)}
_STRENGTH = _PLACE["strength"]
#: What SQLite answers with 0 and 1.
_FLAGS = tuple(_PLACE[name] for name in ("conflicting", "confirmed", "bound"))
#: Columns of an entry by the fields of its coordinates.
COORDINATES = tuple(field.name for field in fields(Coordinates))
#: Columns of a stored verdict, by their names, in the order of its fields.
VERDICT_COLUMNS = tuple(getattr(VerdictRow, field.name) for field in fields(StoredVerdict))
_STANDING = [field.name for field in fields(StoredVerdict)].index("standing")


def select_hidden(scope: VisibleLogs) -> Select[Any]:
    """What the site's filter hides in each log of a scope, in the shape that ``to_row`` reads."""
    return _select_rows(scope.keys, shown=False)


@lru_cache(maxsize=256)
def _select_rows(logs: tuple[int, ...], *, shown: bool = True) -> Select[Any]:
    """Every visible entry, in that shape.

    Kept, because putting the statement together takes longer than running it.
    """
    scope = VisibleLogs.of(logs)
    others: dict[str, Any] = {
        "key": Entry.id,
        "location": Entry.first_location,
        "strength": EntryBody.strength,
        "conflicting": scope.conflicting(),
        "confirmed": is_confirmed(),
        "key_digest": Certificate.key_digest,
        "bound": func.coalesce(Certificate.email == Entry.email, false()),
    }
    columns = (others[name] if name in others else getattr(Entry, name) for name in _NAMES)
    hidden = and_(scope.covers(ChangeRow.log_id), ~ChangeRow.shown)
    return (
        select(*(column.label(name) for name, column in zip(_NAMES, columns, strict=True)), *VERDICT_COLUMNS)
        .select_from(Entry)
        .join(ChangeRow, and_(ChangeRow.entry_key == Entry.id, scope.serves() if shown else hidden))
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
    )


@lru_cache(maxsize=256)
def rows_of(logs: tuple[int, ...]) -> Select[Any]:
    """The rows of the entries that the parameter ``keys`` names."""
    return _select_rows(logs).where(Entry.id.in_(bindparam("keys", expanding=True)))


def rows_with(
    logs: tuple[int, ...], told: ColumnElement[str], of: type[EntryTag | EntryChecksum]
) -> Select[Any]:
    """``rows_of`` with texts of another table behind each row, joined by the separator, in no order."""
    every = select(func.aggregate_strings(told, SEPARATOR)).where(of.entry_key == Entry.id)
    return rows_of(logs).add_columns(every.correlate(Entry).scalar_subquery())


@lru_cache(maxsize=256)
def lines_of(logs: tuple[int, ...]) -> Select[Any]:
    """``rows_of`` with the tags behind each row: ``POSITION:TAG``, joined by the separator, in no order."""
    return rows_with(logs, cast(EntryTag.position, String) + ":" + EntryTag.tag, EntryTag)


def to_row(row: Sequence[Any]) -> EntryRow:
    """An EntryRow from a row of ``select_named``."""
    # By place: naming each of so many values takes longer than everything else here.
    values: list[Any] = list(row[: len(_NAMES)])
    values[_STRENGTH] = Strength(values[_STRENGTH])
    for place in _FLAGS:
        values[place] = bool(values[place])
    values.append(to_verdict(row[len(_NAMES) :]))
    return EntryRow(*values)


def to_verdict(values: Sequence[Any]) -> StoredVerdict | None:
    """A StoredVerdict from VERDICT_COLUMNS; None where the outer join found none."""
    if values[_STANDING] is None:
        return None
    stored = list(values)
    stored[_STANDING] = Standing(stored[_STANDING])
    return StoredVerdict(*stored)


@lru_cache(maxsize=256)
def select_named(logs: tuple[int, ...], *names: str) -> Select[Any]:
    """The visible entries whose columns have the values of the parameters of the same names."""
    return _select_rows(logs).where(*(getattr(Entry, name) == bindparam(name) for name in names))


@lru_cache(maxsize=256)
def _newest_named(logs: tuple[int, ...], *names: str, later: bool) -> Select[Any]:
    """The newest ``most`` of the same; with ``later`` of those made at or after ``since``."""
    named = select_named(logs, *names)
    if later:
        named = named.where(Entry.created >= bindparam("since"))
    return named.order_by(Entry.created.desc(), Entry.entry_id).limit(bindparam("most"))


def read_named(session: Session, scope: VisibleLogs, **values: object) -> list[EntryRow]:
    """The rows of the visible entries with some values of columns, in no order.

    Args:
        values: by the names of the columns.
    """
    # Through the connection here and below: the session would look for objects to make of these values.
    rows = session.connection().execute(select_named(scope.keys, *values), values)
    return [to_row(row) for row in rows]


def read_newest(
    session: Session, scope: VisibleLogs, limit: int, since: datetime | None = None, **values: object
) -> list[EntryRow]:
    """The same, the newest first.

    Args:
        limit: most rows.
        since: only entries made then or later; None for all.
    """
    statement = _newest_named(scope.keys, *values, later=since is not None)
    rows = session.connection().execute(statement, values | {"since": since, "most": limit})
    return [to_row(row) for row in rows]


_LOCATIONS = (
    select(EntryLocation.uri)
    .where(EntryLocation.entry_key == bindparam("key"))
    .order_by(EntryLocation.position)
)
_TAGS = select(EntryTag.tag).where(EntryTag.entry_key == bindparam("key")).order_by(EntryTag.position)


@lru_cache(maxsize=256)
def _of_record(logs: tuple[int, ...]) -> tuple[Select[Any], Select[Any], Select[Any]]:
    """Of the entry ``key``: its body and certificate, the logs that hold it, what is current of its image."""
    scope = VisibleLogs.of(logs)
    body = (
        select(
            Certificate.der.label("certificate"),
            Certificate.not_before,
            Certificate.not_after,
            EntryBody.signature_algorithm,
            EntryBody.digest_algorithm,
            EntryBody.size.label("body_size"),
            ChangeRow.accepted_at,
            ChangeRow.origin,
        )
        .select_from(Entry)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(Entry.id == bindparam("key"), scope.serves())
    )
    names = (
        select(Log.name)
        .join(ChangeRow, ChangeRow.log_id == Log.id)
        .where(ChangeRow.entry_key == bindparam("key"), scope.covers(ChangeRow.log_id), ChangeRow.shown)
        .order_by(Log.id)
    )
    same_key = case((Current.key_digest == bindparam("key_digest"), 0), else_=1)
    trusted = case((Current.trusted_id.is_(None), 1), else_=0)
    currents = (
        select(Current.entry_key)
        .where(
            scope.current(),
            Current.identifier == bindparam("identifier"),
            Current.email == bindparam("email"),
        )
        .order_by(same_key, trusted, Current.created.desc(), Current.entry_id)
        .limit(MOST_RIVALS + 1)
    )
    return body, names, currents


def read_record(session: Session, scope: VisibleLogs, row: EntryRow) -> EntryRecord:
    """Everything known about an entry that a reader sees."""
    of_body, of_logs, of_currents = _of_record(scope.keys)
    named, connection = {"key": row.key}, session.connection()
    body = connection.execute(of_body, named).one()
    keys = connection.scalars(
        of_currents, {"key_digest": row.key_digest, "identifier": row.identifier, "email": row.email}
    ).all()
    found = {one.key: one for one in read_rows(session, scope, keys)}
    # The first one counts in the place of this entry: the one signed with the same key, else the one that
    # superseded it because it is trusted.
    currents = [found[key] for key in keys if key in found]
    current = next(iter(currents), None)
    shown = "" if current is None else _vouching_id(session, scope, current)
    others = _others(session, scope, row) if row.conflicting else ()
    return EntryRecord(
        row=row,
        locations=tuple(connection.scalars(_LOCATIONS, named)),
        tags=tuple(connection.scalars(_TAGS, named)),
        conflicts=tuple(sorted(others)),
        current_id=shown,
        current=None if current is None else current.coordinates,
        withdrawn=None if current is None or current.key == row.key else current.deprecated,
        rivals=tuple(
            Rival(one.entry_id, one.coordinates, one.key_digest, one.trusted) for one in currents[1:]
        ),
        logs=tuple(connection.scalars(of_logs, named)),
        **body._mapping,
    )


def _others(session: Session, scope: VisibleLogs, row: EntryRow) -> Sequence[str]:
    """Ids of the visible entries that say something else at the coordinates of this one."""
    given = asdict(row.coordinates) | {"key": row.key}
    return [other.entry_id for other in session.connection().execute(_others_at(scope.keys), given)]


_OWN = shared_alias(Entry)


@lru_cache(maxsize=256)
def _others_at(logs: tuple[int, ...]) -> Select[Any]:
    """The visible entries at a place that say something else than the entry ``key``."""
    said = select(_OWN.statement).where(_OWN.id == bindparam("key")).scalar_subquery()
    return select_named(logs, *COORDINATES).where(Entry.statement != said)


def _vouching_id(session: Session, scope: VisibleLogs, row: EntryRow) -> str:
    """The id of an entry, or of the one that is shown instead."""
    (shown,) = list_vouching(session, scope, [row.key])
    if shown == row.key:
        return row.entry_id
    return session.scalars(select(Entry.entry_id).where(Entry.id == shown)).one()


def read_rows(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> Sequence[EntryRow]:
    """The rows of entries that a reader sees, in no order."""
    statement, found = rows_of(scope.keys), list[EntryRow]()
    for portion in portions(keys, NAMED):
        found += map(to_row, session.connection().execute(statement, {"keys": list(portion)}))
    return found
