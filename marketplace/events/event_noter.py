"""Follows the logs and the clock, and notes what comes of them as events; everything else notes its own.

An event and the position behind which it was noted are one transaction. So each row of a log is noted
once, whatever stops this process and however many of them note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.events.kinds import Kind
from marketplace.events.record import Happening, record
from marketplace.models import ChangeRow, Current, Entry, Event, EventState, FollowerCursor, Log, Webhook
from marketplace.models.base import to_seconds

#: Names the positions in the logs.
FOLLOWER = "events"
#: Rows noted in one transaction.
PAGE = 500
#: Days ahead of its end at which an entry is said to expire.
DAYS_AHEAD = (30, 7, 1)
#: Seconds between two looks at which entries end.
LOOK = timedelta(seconds=60)
#: Events that are kept, and for how long.
MOST_KEPT = 200_000
KEPT = timedelta(days=90)


class EventNoter:
    """Notes events. Safe to share between threads and processes.

    Args:
        now: the clock.
        on_withdrawn: called after entries were noted that withdraw their images.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        on_withdrawn: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._now = now
        self._on_withdrawn = on_withdrawn

    def note(self) -> int:
        """Note what came since the last time, some of it; returns how many rows and ends that were."""
        with self._database.read() as session:
            waiting = bool(_behind(session)) or self._is_time(session)
        if not waiting:
            return 0
        with self._database.write() as session:
            # Nobody else notes until the commit: positions are read behind this lock.
            session.execute(select(EventState.next_number).with_for_update())
            happenings = [one for row in _behind(session) for one in _follow(session, row)]
            if self._is_time(session):
                happenings += self._look_at_ends(session)
            record(session, happenings)
        if any(one.kind is Kind.DEPRECATED for one in happenings):
            self._on_withdrawn()
        return len(happenings)

    def forget_old(self) -> None:
        """Remove events that are old, or too many, and that no webhook waits for any more."""
        with self._database.write() as session:
            wanted = session.scalar(select(func.min(Webhook.position)).where(Webhook.disabled_at.is_(None)))
            newest = session.scalars(select(EventState.next_number)).one()
            old = session.scalar(select(func.max(Event.number)).where(Event.at < self._now() - KEPT))
            before = max(newest - MOST_KEPT, -1 if old is None else old + 1)
            if wanted is not None:
                before = min(before, wanted)
            session.execute(delete(Event).where(Event.number < before))

    def _is_time(self, session: Session) -> bool:
        looked = session.scalars(select(EventState.looked_until)).one()
        return looked is None or self._now() - looked > LOOK

    def _look_at_ends(self, session: Session) -> list[Happening]:
        looked = session.scalars(select(EventState.looked_until)).one()
        until = self._now().replace(microsecond=0) - timedelta(seconds=1)  # valid during its last second
        session.execute(update(EventState).values(looked_until=until))
        if looked is None or looked >= until:
            return []  # the first look: what ended before is no news
        ended = _ending(session, looked, until, timedelta())
        found = [_end(Kind.EXPIRED, row, until, {}) for row in ended]
        for days in DAYS_AHEAD:
            ahead = _ending(session, looked, until, timedelta(days=days))
            found += [_end(Kind.EXPIRING, row, until, {"days": days}) for row in ahead]
        return found


#: Logs with rows that were not noted: key, size, position or None.
_BEHIND = (
    select(Log.id, Log.next_sequence, FollowerCursor.position)
    .outerjoin(FollowerCursor, and_(FollowerCursor.log_id == Log.id, FollowerCursor.follower == FOLLOWER))
    .where(Log.next_sequence != func.coalesce(FollowerCursor.position, 0))
    .order_by(Log.id)
)


def _behind(session: Session) -> list[Any]:
    return list(session.execute(_BEHIND))


def _follow(session: Session, row: Any) -> Iterator[Happening]:
    """The next rows of a log, with the position moved behind them."""
    log_id, size, position = row
    start = min(position or 0, size)  # a log that is shorter than its position comes from another backup
    end = min(size, start + PAGE)
    _move(session, log_id, position, end)
    found = session.execute(
        select(ChangeRow.entry_key, ChangeRow.accepted_at, Entry.deprecated.is_not(None))
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .where(ChangeRow.log_id == log_id, ChangeRow.sequence >= start, ChangeRow.sequence < end)
        .order_by(ChangeRow.sequence)
    )
    for entry_key, accepted_at, deprecated in found:
        yield Happening(Kind.DEPRECATED if deprecated else Kind.ACCEPTED, log_id, accepted_at, entry_key)


def _move(session: Session, log_id: int, position: int | None, end: int) -> None:
    if position is None:
        session.execute(insert(FollowerCursor).values(follower=FOLLOWER, log_id=log_id, position=end))
        return
    session.execute(
        update(FollowerCursor)
        .where(FollowerCursor.follower == FOLLOWER, FollowerCursor.log_id == log_id)
        .values(position=end)
        .execution_options(synchronize_session=False)
    )


def _ending(session: Session, looked: datetime, until: datetime, ahead: timedelta) -> list[Any]:
    """Current entries that come that near to their end in a span of time: key of the log, of the entry."""
    rows = session.execute(
        select(Current.log_id, Current.entry_key)
        .where(
            Current.log_id.in_(select(Log.id)),
            Current.deprecated.is_(False),
            Current.valid_until > to_seconds(looked + ahead),
            Current.valid_until <= to_seconds(until + ahead),
        )
        .order_by(Current.valid_until, Current.log_id, Current.entry_key)
    )
    return list(rows)


def _end(kind: Kind, row: Any, at: datetime, details: dict[str, int]) -> Happening:
    return Happening(kind, row.log_id, at, row.entry_key, details)
