"""Which location is to be looked at next, what was found, and whom to tell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.locations import Look, Reach
from marketplace.mail import Outbox
from marketplace.mail.once import insert_once
from marketplace.models import Current, EntryLocation, WatchedLocation
from marketplace.reminders.due import Due as Warned
from marketplace.reminders.letters import location_letter

#: Locations that are taken in at a time.
_BATCH: Final = 500
#: Looks in a row that must fail before the endorser is told: a server may be started anew.
_TELL_AFTER: Final = 3
#: From a failed look to the next; doubles with each.
_FIRST_RETRY: Final = timedelta(minutes=15)
#: A location that a process took and did not come back with is free again.
_LEASE: Final = timedelta(minutes=10)
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
class Due:
    """A location that this process is to look at."""

    digest: str
    uri: str


def location_digest(uri: str) -> str:
    """What names a location: 64 hex digits."""
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()


class WatchService:
    """Any number of processes may use one; each location is taken by one of them at a time.

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
        self._database = database
        self._settings = settings
        self._now = now
        self._nudge = nudge
        #: Entries up to this key were looked through for locations.
        self._seen = -1

    def learn(self) -> bool:
        """Take in locations of entries that came since; whether there may be more."""
        with self._database.read() as session:
            rows = session.execute(
                select(EntryLocation.entry_key, EntryLocation.uri)
                .where(EntryLocation.entry_key > self._seen)
                .order_by(EntryLocation.entry_key, EntryLocation.position)
                .limit(_BATCH)
            ).all()
            keys = {row.entry_key for row in rows}
            public = set(session.scalars(_current(session).where(Current.entry_key.in_(keys))))
        if not rows:
            return False
        # The last entry of a full batch may have more locations: it is read again with the next.
        whole = (
            rows
            if len(rows) < _BATCH
            else [row for row in rows if row.entry_key != rows[-1].entry_key] or rows
        )
        found = {
            location_digest(row.uri): (row.uri, row.entry_key)
            for row in whole
            if row.entry_key in public and _is_web(row.uri)
        }
        self._keep(found)
        self._seen = whole[-1].entry_key
        return len(rows) == _BATCH

    def _keep(self, found: Mapping[str, tuple[str, int]]) -> None:
        if not found:
            return
        fresh = [
            {
                "digest": digest,
                "uri": uri,
                "entry_key": key,
                "reason": "",
                "failures": 0,
                "next_at": self._now(),
            }
            for digest, (uri, key) in sorted(found.items())
        ]
        with self._database.write() as session:
            session.execute(insert_once(session, WatchedLocation, fresh))
            for digest, (_, key) in sorted(found.items()):
                session.execute(
                    update(WatchedLocation)
                    .where(WatchedLocation.digest == digest, WatchedLocation.entry_key < key)
                    .values(entry_key=key)
                )

    def take(self) -> Due | None:
        """The location whose turn it is, for this process alone; None where none is due."""
        now = self._now()
        with self._database.write() as session:
            row = session.execute(
                select(WatchedLocation.digest, WatchedLocation.uri, WatchedLocation.entry_key)
                .where(WatchedLocation.next_at <= now)
                .order_by(WatchedLocation.next_at, WatchedLocation.digest)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            mine = WatchedLocation.digest == row.digest
            if not session.scalar(
                select(_current(session).where(Current.entry_key == row.entry_key).exists())
            ):
                session.execute(delete(WatchedLocation).where(mine))  # superseded, deprecated or erased
                return None
            session.execute(update(WatchedLocation).where(mine).values(next_at=now + _LEASE))
            return Due(row.digest, row.uri)

    def keep(self, due: Due, look: Look) -> None:
        """Keep what a look found, and owe the endorser one mail where the content stays away."""
        now, settings = self._now(), self._settings.watch
        there = look.reach is Reach.THERE
        with self._database.write() as session:
            row = session.get(WatchedLocation, due.digest)
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

    def find(self, uris: Iterable[str]) -> dict[str, Reachability]:
        """What is known of locations, by their text; those that nobody looked at are left out."""
        digests = [location_digest(uri) for uri in uris]
        if not digests or not self._settings.watch.enabled:
            return {}
        with self._database.read() as session:
            rows = session.scalars(select(WatchedLocation).where(WatchedLocation.digest.in_(digests))).all()
        return {
            row.uri: Reachability(row.uri, Reach(row.reach), row.reason, row.size, row.looked_at, row.good_at)
            for row in rows
            if row.reach is not None and row.looked_at is not None
        }

    def _tell(self, session: Session, row: WatchedLocation) -> None:
        if not self._settings.reminders.enabled:
            return
        entry = Warned(session, self._now(), self._settings.reminders.warn).find_warned(row.entry_key)
        if entry is None:
            return
        letter = location_letter(entry, row.uri, row.reason, row.good_at, self._settings.site, row.digest)
        if Outbox(session).post(letter, self._now()):
            self._nudge()


def _current(session: Session) -> Select[tuple[int]]:
    """Keys of current public entries whose image is not withdrawn."""
    log_id = ChangeLog(session).key(PUBLIC)
    return select(Current.entry_key).where(Current.log_id == log_id, Current.deprecated.is_(False))


def _is_web(uri: str) -> bool:
    return len(uri) <= _MOST_URI and uri.isascii() and uri.lower().startswith(("http://", "https://"))
