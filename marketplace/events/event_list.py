"""Events as one reader may see them: those of the logs that it reads, about entries that are shown there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from marketplace.events.kinds import Kind
from marketplace.models import (
    ChangeRow,
    CloudSite,
    Current,
    Entry,
    EntryTag,
    Event,
    EventState,
    Log,
    SiteReceipt,
)
from validators.coded_error import CodedError
from validators.document import Coordinates


@dataclass(frozen=True, slots=True)
class Subject:
    """The entry that an event is about, as readers see it.

    Args:
        deprecated: why its image was withdrawn; None where it was not.
        current: whether it is what its endorser says of the image now.
    """

    entry_id: str
    coordinates: Coordinates
    title: str | None
    os: str | None
    os_version: str | None
    os_arch: str | None
    version: str | None
    valid: datetime | None
    deprecated: str | None
    tags: tuple[str, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """An event.

    Args:
        number: its place among all; never told to anybody.
        log: the name of the log whose readers see it.
        entry_key: of its entry.
        entry_id: also of an entry whose words were erased.
        subject: what the entry says; None where it is about none, or its words were erased.
    """

    number: int
    event_id: str
    kind: Kind
    at: datetime
    log: str
    entry_key: int | None
    entry_id: str | None
    subject: Subject | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody asks for; what is empty does not narrow.

    Args:
        logs: names of the logs; those that the reader may see.
        email: of the endorser.
        tag: of the entry.
        contact: with an email, also recalls of images that sites have whose token belongs to this owner.
    """

    logs: Collection[str]
    kinds: Collection[Kind] = ()
    email: str | None = None
    tag: str | None = None
    identifier: str | None = None
    contact: str | None = None


class EventNotFoundError(CodedError, code="event.unknown"):
    """There is no such event for the reader, or it was forgotten."""


class Events:
    """The events as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def end(self) -> int:
        """The number that the next event gets."""
        return self._session.scalars(select(EventState.next_number)).one()

    def newest(self, wanted: Wanted, limit: int, before: str | None = None) -> list[Happened]:
        """Events, the newest first.

        Args:
            before: only those older than the event of this id.

        Raises:
            EventNotFoundError: there is no such event.
        """
        statement = _select(wanted)
        if before is not None:
            statement = statement.where(Event.number < self._number(wanted, before))
        return self._read(statement.order_by(Event.number.desc()).limit(limit))

    def after(self, wanted: Wanted, limit: int, after: str, before: str | None = None) -> list[Happened]:
        """Events that came after the one of an id, in the order in which they came.

        Args:
            before: only those older than the event of this id.

        Raises:
            EventNotFoundError: there is no such event.
        """
        statement = _select(wanted).where(Event.number > self._number(wanted, after))
        if before is not None:
            statement = statement.where(Event.number < self._number(wanted, before))
        return self._read(statement.order_by(Event.number).limit(limit))

    def between(self, wanted: Wanted, start: int, end: int, limit: int) -> list[Happened]:
        """Events from one number on and before another one, in the order in which they came."""
        statement = _select(wanted).where(Event.number >= start, Event.number < end)
        return self._read(statement.order_by(Event.number).limit(limit))

    def is_any_between(self, wanted: Wanted, start: int, end: int) -> bool:
        """Whether there are events from one number on and before another one."""
        statement = _select(wanted).where(Event.number >= start, Event.number < end)
        return self._session.execute(statement.limit(1)).first() is not None

    def find(self, wanted: Wanted, event_id: str) -> Happened | None:
        """The event of an id; None where there is none, or none for the reader."""
        found = self._read(_select(wanted).where(Event.event_id == event_id))
        return found[0] if found else None

    def _number(self, wanted: Wanted, event_id: str) -> int:
        # What is narrowed otherwise may go on from any event that the reader sees.
        found = self.find(Wanted(wanted.logs), event_id)
        if found is None:
            raise EventNotFoundError("there is no such event, or it was forgotten: begin again without it")
        return found.number

    def _read(self, statement: Select[Any]) -> list[Happened]:
        rows = self._session.execute(statement).all()
        keys = {row.entry_key for row in rows if row.entry_key is not None}
        tags, current = self._tags(keys), self._current(keys)
        return [_happened(row, tags, current) for row in rows]

    def _tags(self, keys: Iterable[int]) -> dict[int, tuple[str, ...]]:
        rows = self._session.execute(
            select(EntryTag.entry_key, EntryTag.tag)
            .where(EntryTag.entry_key.in_(list(keys)))
            .order_by(EntryTag.entry_key, EntryTag.position)
        )
        found: dict[int, tuple[str, ...]] = {}
        for entry_key, tag in rows:
            found[entry_key] = (*found.get(entry_key, ()), tag)
        return found

    def _current(self, keys: Iterable[int]) -> set[tuple[int, int]]:
        rows = self._session.execute(
            select(Current.log_id, Current.entry_key).where(Current.entry_key.in_(list(keys)))
        )
        return {(log_id, entry_key) for log_id, entry_key in rows}


def _select(wanted: Wanted) -> Select[Any]:
    shown = and_(ChangeRow.log_id == Event.log_id, ChangeRow.entry_key == Event.entry_key)
    conditions: list[ColumnElement[bool]] = [
        Log.name.in_(list(wanted.logs)),
        or_(Event.entry_key.is_(None), ChangeRow.shown, Event.kind == Kind.ERASED.value),
    ]
    if wanted.kinds:
        conditions.append(Event.kind.in_([one.value for one in wanted.kinds]))
    if wanted.email is not None:
        mine = [Entry.email == wanted.email]
        if wanted.contact is not None:
            mine.append(_concerns_sites_of(wanted.contact))
        conditions.append(or_(*mine))
    if wanted.identifier is not None:
        conditions.append(Entry.identifier == wanted.identifier)
    if wanted.tag is not None:
        conditions.append(
            select(EntryTag.entry_key)
            .where(EntryTag.entry_key == Event.entry_key, EntryTag.tag == wanted.tag)
            .exists()
        )
    return (
        select(
            Event.number, Event.event_id, Event.kind, Event.at, Event.log_id, Event.entry_key, Event.details,
            Log.name, Entry.entry_id, Entry.identifier, Entry.email, Entry.created, Entry.title, Entry.os,
            Entry.os_version, Entry.os_arch, Entry.version, Entry.valid, Entry.deprecated,
        )
        .join(Log, Log.id == Event.log_id)
        .outerjoin(Entry, Entry.id == Event.entry_key)
        .outerjoin(ChangeRow, shown)
        .where(*conditions)
    )  # fmt: skip


def _concerns_sites_of(contact: str) -> ColumnElement[bool]:
    """Whether an event is the recall of an image that a site of somebody's token still has."""
    imported = aliased(Entry)
    has = (
        select(SiteReceipt.entry_key)
        .join(CloudSite, CloudSite.id == SiteReceipt.site_id)
        .join(imported, imported.id == SiteReceipt.entry_key)
        .where(
            CloudSite.bound_by == contact,
            SiteReceipt.finding == "available",
            imported.identifier == Entry.identifier,
            imported.email == Entry.email,
        )
        .exists()
    )
    return and_(Event.kind == Kind.RECALL.value, has)


def _happened(
    row: Any, tags: Mapping[int, tuple[str, ...]], current: Collection[tuple[int, int]]
) -> Happened:
    kind, subject = Kind(row.kind), None
    if row.entry_key is not None and kind is not Kind.ERASED:
        subject = Subject(
            entry_id=row.entry_id,
            coordinates=Coordinates(row.identifier, row.email, row.created),
            title=row.title,
            os=row.os,
            os_version=row.os_version,
            os_arch=row.os_arch,
            version=row.version,
            valid=row.valid,
            deprecated=row.deprecated,
            tags=tags.get(row.entry_key, ()),
            current=(row.log_id, row.entry_key) in current,
        )
    return Happened(
        number=row.number,
        event_id=row.event_id,
        kind=kind,
        at=row.at,
        log=row.name,
        entry_key=row.entry_key,
        entry_id=row.entry_id,
        subject=subject,
        details=json.loads(row.details),
    )
