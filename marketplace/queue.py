"""The durable queue: rows that are owed to somebody outside, claimed by one worker at a time.

A row is there from the transaction of its reason. A worker claims it for a while, does its work without any
transaction, and settles it: so it goes out at least once, and by whoever comes first of any number of
processes. Outgoing mail and the deliveries of webhooks are such rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from marketplace.models.owed import DEAD, SENT, WAITING, Owed

#: Longest wait between two attempts.
LONGEST_WAIT = timedelta(hours=6)
#: Characters of an error that are kept.
MAX_ERROR = 300

Row = TypeVar("Row", bound=Owed)


class Queue(Generic[Row]):
    """The rows of one table that is a queue, as one transaction sees them."""

    def __init__(self, session: Session, model: type[Row]) -> None:
        self._session = session
        self._model: Any = model

    def due(self, now: datetime) -> ColumnElement[bool]:
        """Whether a row may be claimed.

        A time that is further ahead than any wait is of a clock that was wrong: it holds nothing up.
        """
        model, never = self._model, now + LONGEST_WAIT
        free = or_(model.claimed_until.is_(None), model.claimed_until <= now, model.claimed_until > never)
        due = or_(model.due_at <= now, model.due_at > never)
        return and_(model.state == WAITING, due, free)

    def is_due(self, now: datetime, *conditions: ColumnElement[bool]) -> bool:
        """Whether there is something to hand over; a read, so that waiting costs no lock."""
        found = select(self._model.id).where(self.due(now), *conditions).limit(1)
        return self._session.scalar(found) is not None

    def claim(
        self, worker: str, now: datetime, lease: timedelta, *conditions: ColumnElement[bool]
    ) -> Row | None:
        """Take the row that is due longest, until this worker settles it or was silent for the lease."""
        row: Row | None = self._session.scalar(
            select(self._model)
            .where(self.due(now), *conditions)
            .order_by(self._model.due_at, self._model.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is not None:
            row.claimed_by, row.claimed_until, row.attempts = worker, now + lease, row.attempts + 1
            self._session.flush()
        return row

    def settle(self, key: int, worker: str, attempt: int, **values: object) -> bool:
        """Say what became of an attempt; whether it is still this worker's to say.

        Whoever was silent for longer than its lease has no say any more.
        """
        model = self._model
        settled = self._session.scalar(
            update(model)
            .where(model.id == key, model.claimed_by == worker, model.attempts == attempt)
            .values(claimed_by=None, claimed_until=None, **values)
            .returning(model.id)
            .execution_options(synchronize_session=False)
        )
        return settled is not None

    def release_claims(self) -> int:
        """Let rows be claimed anew at once, because whoever claimed them does this work no more; how many."""
        model = self._model
        return self._count(
            update(model)
            .where(model.state == WAITING, model.claimed_by.is_not(None))
            .values(claimed_by=None, claimed_until=None)
            .returning(model.id)
        )

    def give_up(self, before: datetime, now: datetime, reason: str) -> int:
        """Put aside as dead what has waited since before a moment and is not being sent; returns how many."""
        model = self._model
        idle = or_(model.claimed_until.is_(None), model.claimed_until <= now)
        return self._count(
            update(model)
            .where(model.state == WAITING, model.created_at < before, idle)
            .values(state=DEAD, finished_at=now, last_error=reason[:MAX_ERROR])
            .returning(model.id)
        )

    def retry(self, now: datetime, *conditions: ColumnElement[bool]) -> int:
        """Hand over what was given up, and what waits for its next attempt, now; its time to be given up
        begins anew. Returns how many."""
        model = self._model
        return self._count(
            update(model)
            .where(model.state != SENT, *conditions)
            .values(
                state=WAITING,
                due_at=now,
                created_at=now,
                finished_at=None,
                # Who is sending it now still says by its number what became of the attempt.
                attempts=case((model.claimed_by.is_(None), 0), else_=model.attempts),
            )
            .returning(model.id)
        )

    def drop(self, *conditions: ColumnElement[bool]) -> int:
        """Forget what was given up; returns how many."""
        model = self._model
        return self._count(delete(model).where(model.state == DEAD, *conditions).returning(model.id))

    def by_state(self, *conditions: ColumnElement[bool]) -> dict[str, tuple[int, datetime | None]]:
        """How many rows there are that were not sent, by state, and when the oldest of them was owed."""
        model = self._model
        rows: Sequence[Any] = self._session.execute(
            select(model.state, func.count(), func.min(model.created_at))
            .where(model.state != SENT, *conditions)
            .group_by(model.state)
        ).all()
        return {state: (count, since) for state, count, since in rows}

    def _count(self, statement: Any) -> int:
        options = {"synchronize_session": False}
        return len(self._session.execute(statement, execution_options=options).all())


def next_wait(attempt: int, first: timedelta) -> timedelta:
    """How long to wait after a number of failed attempts."""
    return min(first * float(2 ** min(attempt - 1, 30)), LONGEST_WAIT)


def waited(attempts: int, first: timedelta) -> timedelta:
    """How long a row has waited between its attempts at least, by no clock."""
    return sum((next_wait(one, first) for one in range(1, attempts)), timedelta())
