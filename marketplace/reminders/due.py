"""What somebody is to be reminded of, and taking hold of it so that nobody else does.

Only the public log is looked at: an address inside an entry proves nothing, and
what a group keeps to itself must not reach it by mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.models import (
    Certificate,
    ConfirmedEndorser,
    Current,
    Entry,
    ReminderChoice,
    ReminderGiven,
    VerdictRow,
)
from marketplace.models.base import from_seconds, to_seconds
from marketplace.models.current import FOREVER
from marketplace.models.insertion import insert_once

#: Days ahead at which an entry's end is told.
DAYS = (1, 7, 30)
#: Most entries of one mail.
MOST = 200


@dataclass(frozen=True, slots=True)
class Reminded:
    """An entry as a reminder shows it; ``ends`` is None where it never expires."""

    entry_id: str
    identifier: str
    email: str
    created: datetime
    title: str | None
    deprecated: bool
    ends: datetime | None


class Due:
    """What falls due at a moment.

    Args:
        warn: whom to warn: only endorsers whose address proved itself here, or all.
    """

    def __init__(self, session: Session, now: datetime, warn: Literal["known", "all"]) -> None:
        self._session = session
        self._now = now
        self._warn = warn
        self._month = now.strftime("/%Y-%m")
        self._log_id = ChangeLog(session).key(PUBLIC)

    def addresses(self, days: int) -> Sequence[str]:
        """Endorsers with entries whose end is that near and not told yet, by code point."""
        statement = self._ending(select(Current.email).distinct(), days)
        return self._session.scalars(statement.order_by(Current.email)).all()

    def take_ending(self, email: str, days: int) -> list[Reminded]:
        """Take hold of an endorser's entries whose end is that near; the soonest first."""
        statement = self._ending(_reminded(), days).where(Current.email == email)
        found = [_to_reminded(row) for row in self._session.execute(statement.limit(MOST))]
        taken = self._take({one.entry_id: f"expiry/{one.entry_id}/{days}" for one in found})
        return sorted(
            (one for one in found if one.entry_id in taken),
            key=lambda one: (one.ends or self._now, one.entry_id),
        )

    def subscribers(self) -> Sequence[str]:
        """Addresses whose reader asked for lists and has not got this month's, by code point."""
        given = exists().where(ReminderGiven.occasion == "monthly/" + ReminderChoice.email + self._month)
        statement = select(ReminderChoice.email).where(ReminderChoice.monthly.is_(True), ~given)
        return self._session.scalars(statement.order_by(ReminderChoice.email)).all()

    def take_month(self, email: str) -> list[Reminded]:
        """Take hold of an endorser's list of this month; empty where it was given or holds nothing."""
        if not self._take({email: f"monthly/{email}{self._month}"}):
            return []
        statement = _reminded().where(Current.log_id == self._log_id, Current.email == email)
        newest = statement.order_by(Current.created.desc(), Current.entry_id).limit(MOST)
        return [_to_reminded(row) for row in self._session.execute(newest)]

    def find_warned(self, entry_key: int) -> Reminded | None:
        """A current public entry whose endorser is to be warned of what becomes of it."""
        statement = (
            _reminded()
            .join(Entry, Entry.id == Current.entry_key)
            .join(Certificate, Certificate.id == Entry.certificate_id)
            .where(Current.log_id == self._log_id, Current.entry_key == entry_key, self._wanted())
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else _to_reminded(row)

    def is_endorser(self, email: str) -> bool:
        """Whether the public log has a current entry of an address."""
        return bool(
            self._session.scalar(
                select(exists().where(Current.log_id == self._log_id, Current.email == email))
            )
        )

    def _take(self, occasions: dict[str, str]) -> set[str]:
        """Mark occasions as given; returns the names of those that nobody had marked."""
        if not occasions:
            return set()
        # One order in all processes, so that two of them cannot wait for each other.
        rows = [{"occasion": one, "given_at": self._now} for one in sorted(occasions.values())]
        statement = insert_once(self._session, ReminderGiven, rows).returning(ReminderGiven.occasion)
        marked = set(self._session.scalars(statement))
        return {name for name, occasion in occasions.items() if occasion in marked}

    def _ending(self, statement: Select[Any], days: int) -> Select[Any]:
        nearer = max((d for d in DAYS if d < days), default=0)
        after, until = (to_seconds(self._now + timedelta(days=d)) for d in (nearer, days))
        given = exists().where(ReminderGiven.occasion == "expiry/" + Current.entry_id + f"/{days}")
        return (
            statement.join(Entry, Entry.id == Current.entry_key)
            .join(Certificate, Certificate.id == Entry.certificate_id)
            .where(
                Current.log_id == self._log_id,
                Current.deprecated.is_(False),
                Current.valid_until > after,
                Current.valid_until <= until,
                ~given,
                self._wanted(),
            )
        )

    def _wanted(self) -> ColumnElement[bool]:
        """Whether a row's endorser is to be warned: as he chose; else if the address is his."""
        chosen = ReminderChoice.email == Current.email
        declined = exists().where(chosen, ReminderChoice.warnings.is_(False))
        if self._warn == "all":
            return ~declined
        confirmed = exists().where(
            ConfirmedEndorser.fingerprint == Certificate.fingerprint, ConfirmedEndorser.email == Current.email
        )
        bound = exists().where(
            VerdictRow.certificate_id == Certificate.id,
            VerdictRow.standing == "chained",
            Certificate.email == Current.email,
        )
        return and_(~declined, or_(exists().where(chosen), confirmed, bound))


def _reminded() -> Select[Any]:
    return select(
        Current.entry_id,
        Current.identifier,
        Current.email,
        Current.created,
        Current.title,
        Current.deprecated,
        Current.valid_until,
    )


def _to_reminded(row: Row[Any]) -> Reminded:
    ends = None if row.valid_until >= FOREVER else from_seconds(row.valid_until)
    return Reminded(row.entry_id, row.identifier, row.email, row.created, row.title, row.deprecated, ends)
