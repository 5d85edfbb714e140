"""Which location is to be looked at next, what was found, and whom to tell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Select, delete, or_, select, update
from sqlalchemy.orm import Session

from marketplace.access import group_log
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.locations import Look, Reach
from marketplace.mail import Outbox
from marketplace.models import AccessGroup, ChangeRow, Current, EntryLocation, Log, WatchedLocation
from marketplace.models.insertion import insert_once
from marketplace.moments import for_people
from marketplace.reminders.due import Due
from marketplace.reminders.letters import location_letter

#: Locations that are taken in at a time.
_BATCH: Final = 500
#: Looks in a row that must fail before the endorser is told: a server may be started anew.
_TELL_AFTER: Final = 3
#: From a failed look to the next; doubles with each.
_FIRST_RETRY: Final = timedelta(minutes=15)
#: A location is due again whose process ended while it looked.
_LEASE: Final = timedelta(minutes=10)
#: A report does not make a location be looked at again that was looked at so lately.
_JUST_NOW: Final = timedelta(minutes=5)
_MOST_URI: Final = 2000
_MOST_SIZE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Reachability:
    """What is known of a location.

    Args:
        reach: what the last look found.
        good_at: when the content was there last; None where it never was.
    """

    uri: str
    reach: Reach
    reason: str
    size: int | None
    looked_at: datetime
    good_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueLocation:
    """A location that this process is to look at."""

    log_id: int
    digest: str
    uri: str
    host: str


def location_digest(uri: str) -> str:
    """What names a location: 64 hex digits."""
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()


class WatchService:
    """Locations and what is known of them. One process at a time looks at them.

    Args:
        nudge: called when mail is owed.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        now: Callable[[], datetime],
        *,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self.database = database
        self._settings = settings
        self._now = now
        self._nudge = nudge
        #: By log: rows before this one were looked through for locations.
        self._seen: dict[int, int] = {}

    def learn(self) -> bool:
        """Take in locations of entries that came since; whether there may be more."""
        with self.database.read() as session:
            logs = session.execute(select(Log.id, Log.next_sequence).where(_is_watched())).all()
        return any(self._learn(log_id) for log_id, size in logs if self._seen.get(log_id, 0) < size)

    def _learn(self, log_id: int) -> bool:
        with self.database.read() as session:
            rows = session.execute(
                select(ChangeRow.sequence, ChangeRow.entry_key)
                .where(ChangeRow.log_id == log_id, ChangeRow.sequence >= self._seen.get(log_id, 0))
                .order_by(ChangeRow.sequence)
                .limit(_BATCH)
            ).all()
            if not rows:
                return False
            current = session.scalars(_current(log_id).where(Current.entry_key.in_([key for _, key in rows])))
            named = session.execute(
                select(EntryLocation.uri, EntryLocation.entry_key)
                .where(EntryLocation.entry_key.in_(current.all()))
                .order_by(EntryLocation.entry_key)
            ).all()
        self._keep(log_id, {location_digest(uri): (uri, key) for uri, key in named if find_host(uri)})
        self._seen[log_id] = rows[-1].sequence + 1
        return len(rows) == _BATCH

    def _keep(self, log_id: int, found: Mapping[str, tuple[str, int]]) -> None:
        if not found:
            return
        fresh = [
            {
                "log_id": log_id,
                "digest": digest,
                "uri": uri,
                "host": find_host(uri),
                "entry_key": key,
                "reason": "",
                "failures": 0,
                "next_at": self._now(),
            }
            for digest, (uri, key) in sorted(found.items())
        ]
        with self.database.write() as session:
            session.execute(insert_once(session, WatchedLocation, fresh))
            for digest, (_, key) in sorted(found.items()):
                session.execute(
                    update(WatchedLocation)
                    .where(
                        WatchedLocation.log_id == log_id,
                        WatchedLocation.digest == digest,
                        WatchedLocation.entry_key < key,
                    )
                    .values(entry_key=key)
                )

    def take(self, resting: Collection[str] = ()) -> DueLocation | None:
        """The location whose turn it is; None where none is due.

        Args:
            resting: hosts that were asked a moment ago, and are not to be asked now.
        """
        now = self._now()
        due = (
            select(
                WatchedLocation.log_id,
                WatchedLocation.digest,
                WatchedLocation.uri,
                WatchedLocation.host,
                WatchedLocation.entry_key,
            )
            .where(WatchedLocation.next_at <= now, WatchedLocation.host.not_in(resting))
            .order_by(WatchedLocation.next_at, WatchedLocation.digest)
            .limit(1)
        )
        with self.database.read() as session:  # mostly nothing is due, and writers need not wait for that
            if session.execute(due).one_or_none() is None:
                return None
        with self.database.write() as session:
            while (row := session.execute(due).one_or_none()) is not None:
                mine = (WatchedLocation.log_id == row.log_id, WatchedLocation.digest == row.digest)
                wanted = _current(row.log_id).join(Log, Log.id == Current.log_id).where(_is_watched())
                if session.scalar(select(wanted.where(Current.entry_key == row.entry_key).exists())):
                    session.execute(update(WatchedLocation).where(*mine).values(next_at=now + _LEASE))
                    return DueLocation(row.log_id, row.digest, row.uri, row.host)
                session.execute(delete(WatchedLocation).where(*mine))  # superseded, deprecated or erased
        return None

    def keep(self, due: DueLocation, look: Look) -> None:
        """Keep what a look found, and owe the endorser one mail where the content stays away."""
        now, settings = self._now(), self._settings.watch
        there = look.reach is Reach.THERE
        with self.database.write() as session:
            row = session.get(WatchedLocation, (due.log_id, due.digest))
            if row is None:
                return
            row.reach, row.reason, row.looked_at = look.reach.value, look.reason, now
            row.failures = 0 if there else row.failures + 1
            pause = timedelta(seconds=settings.interval)
            row.next_at = now + (pause if there else min(pause, _FIRST_RETRY * 2 ** min(row.failures, 16)))
            if there:
                row.good_at, row.told_at = now, None
                row.size = look.size if look.size is not None and look.size <= _MOST_SIZE else None
            elif row.failures >= _TELL_AFTER and row.told_at is None:
                row.told_at = now
                self._tell(session, row)

    def find(self, uris: Iterable[str], logs: Collection[str]) -> dict[str, Reachability]:
        """What is known of locations, by their text; those that nobody looked at are left out.

        Args:
            logs: names of those whose looks are told: the reader sees them, and the entry stands in them.
        """
        digests = [location_digest(uri) for uri in uris]
        if not digests or not self._settings.watch.enabled:
            return {}
        with self.database.read() as session:
            rows = session.scalars(
                select(WatchedLocation)
                .join(Log, Log.id == WatchedLocation.log_id)
                .where(WatchedLocation.digest.in_(digests), Log.name.in_(logs))
                .order_by(WatchedLocation.looked_at)
            ).all()
        return {
            row.uri: Reachability(row.uri, Reach(row.reach), row.reason, row.size, row.looked_at, row.good_at)
            for row in rows
            if row.reach is not None and row.looked_at is not None
        }

    def _tell(self, session: Session, row: WatchedLocation) -> None:
        if not self._settings.reminders.enabled:
            return
        if row.log_id != ChangeLog(session).key(PUBLIC):
            return  # its members see it on the page, and nobody else may hear of it
        entry = Due(session, self._now(), self._settings.reminders.warn).find_warned(row.entry_key)
        if entry is None:
            return
        there = "It was never available."
        if row.good_at is not None:
            there = f"It was last available at {for_people(row.good_at, self._now())}."
        letter = location_letter(
            entry, row.uri, row.reason, there, self._now(), self._settings.site, row.digest
        )
        if Outbox(session).post(letter, self._now()):
            self._nudge()


def look_soon(session: Session, location: str, entry_key: int, now: datetime) -> None:
    """Have a location looked at before its turn, where it was not looked at just now.

    Args:
        entry_key: of an entry that names it: what is kept for logs without the entry does not change.
    """
    session.execute(
        update(WatchedLocation)
        .where(
            WatchedLocation.digest == location_digest(location),
            WatchedLocation.log_id.in_(select(ChangeRow.log_id).where(ChangeRow.entry_key == entry_key)),
            WatchedLocation.next_at > now,
            WatchedLocation.looked_at < now - _JUST_NOW,
        )
        .values(next_at=now)
    )


def find_host(uri: str) -> str | None:
    """Who is asked for a location; None where the web has no such place."""
    if len(uri) > _MOST_URI or not uri.isascii():
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port  # raises ValueError where it is no number
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname if port is None else f"{parts.hostname}:{port}"


def _current(log_id: int) -> Select[tuple[int]]:
    """Keys of current entries of a log whose image is not withdrawn."""
    return select(Current.entry_key).where(Current.log_id == log_id, Current.deprecated.is_(False))


def _is_watched() -> ColumnElement[bool]:
    """Whether a log is looked at: the public one, and those of groups that are not closed."""
    group = select(AccessGroup.id).where(
        AccessGroup.deleted_at.is_(None), Log.name == group_log("") + AccessGroup.name
    )
    return or_(Log.name == PUBLIC, group.exists())
