"""From the tables to EntryRow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, false, func, select

from marketplace.entries.records import EntryRow
from marketplace.models import Certificate, ChangeRow, Entry, EntryBody, EntryTag, VerdictRow
from marketplace.models.current import SEPARATOR
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
#: Columns of a stored verdict, by their names, in the order of its fields.
VERDICT_COLUMNS = tuple(getattr(VerdictRow, field.name) for field in fields(StoredVerdict))
_STANDING = [field.name for field in fields(StoredVerdict)].index("standing")


def select_rows(scope: VisibleLogs) -> Select[Any]:
    """Every visible entry, in the shape that ``to_row`` reads; add conditions and an order."""
    return _select_rows(scope.keys)


def select_hidden(scope: VisibleLogs) -> Select[Any]:
    """What the site's filter hides in each log of a scope, in the same shape."""
    return _select_rows(scope.keys, shown=False)


@lru_cache(maxsize=256)
def _select_rows(logs: tuple[int, ...], *, shown: bool = True) -> Select[Any]:
    """Kept, because putting the statement together takes longer than running it."""
    scope = VisibleLogs(tuple((log, 0) for log in logs))
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


def has_coordinates(coordinates: Coordinates) -> tuple[ColumnElement[bool], ...]:
    """Whether an entry has these coordinates; conditions for ``select_rows``."""
    return (
        Entry.identifier == coordinates.identifier,
        Entry.email == coordinates.email,
        Entry.created == coordinates.created,
    )


@lru_cache(maxsize=256)
def rows_of(logs: tuple[int, ...]) -> Select[Any]:
    """The rows of the entries that the parameter ``keys`` names."""
    return _select_rows(logs).where(Entry.id.in_(bindparam("keys", expanding=True)))


@lru_cache(maxsize=256)
def lines_of(logs: tuple[int, ...]) -> Select[Any]:
    """``rows_of`` with the tags behind each row: ``POSITION:TAG``, joined by the separator, in no order."""
    numbered = cast(EntryTag.position, String) + ":" + EntryTag.tag
    tags = (
        select(func.aggregate_strings(numbered, SEPARATOR))
        .where(EntryTag.entry_key == Entry.id)
        .correlate(Entry)
        .scalar_subquery()
    )
    return rows_of(logs).add_columns(tags)


def to_row(row: Sequence[Any]) -> EntryRow:
    """An EntryRow from a row of ``select_rows``."""
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
