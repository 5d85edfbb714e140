"""The log of deliveries: what each webhook was told, what it answered, and what still waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.events.record import new_event_id
from marketplace.models import Webhook, WebhookDelivery
from marketplace.models.aliases import shared_alias
from marketplace.models.insertion import insert_once
from marketplace.models.owed import DEAD, SENT, WAITING
from marketplace.queue import Queue
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.errors import DeliveryNotFoundError

#: What a test is called where kinds of events are told.
TEST = "webhook.test"
#: Deliveries of one webhook that wait; the events behind them wait in the order of events.
MOST_WAITING = 100
#: Finished deliveries of one webhook that are kept.
MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook.

    Args:
        number: its key.
        state: ``waiting``, ``sent`` or ``dead``.
        status: of the last answer; None where there was none.
        duration: milliseconds of the last attempt.
        answer: its first characters.
        error: why the last attempt failed.
    """

    number: int
    event_id: str
    kind: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None
    status: int | None
    duration: int | None
    answer: str
    error: str | None

    @property
    def sort_key(self) -> tuple[int, int]:
        """The place of a delivery in the log: failed ones come first, and then the newest."""
        failed = self.state == DEAD or (self.state == WAITING and self.attempts > 0)
        return 0 if failed else 1, -self.number


class Deliveries:
    """The deliveries as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue = Queue(session, WebhookDelivery)

    def owe(self, hook: Hook, events: Sequence[tuple[str, str, int | None]], now: datetime) -> None:
        """Owe a webhook some events, in their order; one that it was owed before is not owed again.

        Args:
            events: id, kind and key of the entry of each.
        """
        rows = [
            {
                "webhook_id": hook.key,
                "event_id": event_id,
                "kind": kind,
                "entry_key": entry_key,
                "state": WAITING,
                "attempts": 0,
                "created_at": now,
                "due_at": now,
                "answer": "",
            }
            for event_id, kind, entry_key in events
        ]
        if rows:
            self._session.execute(insert_once(self._session, WebhookDelivery, rows))

    def owe_test(self, hook: Hook, *, by: str, at: datetime) -> str:
        """Owe a webhook a test; returns the id of the event that it is."""
        event_id = new_event_id()
        self.owe(hook, [(event_id, TEST, None)], at)
        AuditLog(self._session).record(by, "webhook.test", hook.name, at=at)
        return event_id

    def count_waiting(self, hook: Hook) -> int:
        """How many deliveries of a webhook wait."""
        mine = (WebhookDelivery.webhook_id == hook.key, WebhookDelivery.state == WAITING)
        return self._session.scalar(select(func.count()).select_from(WebhookDelivery).where(*mine)) or 0

    def count_waiting_of_each(self) -> dict[int, int]:
        """How many deliveries wait, by the key of the webhook, where there are any."""
        rows = self._session.execute(
            select(WebhookDelivery.webhook_id, func.count())
            .where(WebhookDelivery.state == WAITING)
            .group_by(WebhookDelivery.webhook_id)
        )
        return {row.webhook_id: row[1] for row in rows}

    def attempts_in_vain(self, hook: Hook) -> Sequence[int]:
        """How often each event was tried that was owed a webhook after the last one that arrived."""
        mine = WebhookDelivery.webhook_id == hook.key
        last = select(func.max(WebhookDelivery.id)).where(mine, WebhookDelivery.state == SENT)
        later = WebhookDelivery.id > func.coalesce(last.scalar_subquery(), 0)
        return self._session.scalars(select(WebhookDelivery.attempts).where(mine, later)).all()

    def counts(self, hook: Hook) -> dict[str, int]:
        """How many deliveries of a webhook there are in each state."""
        rows = self._session.execute(
            select(WebhookDelivery.state, func.count())
            .where(WebhookDelivery.webhook_id == hook.key)
            .group_by(WebhookDelivery.state)
        )
        return dict.fromkeys((WAITING, SENT, DEAD), 0) | {row.state: row[1] for row in rows}

    def list(self, hook: Hook) -> list[Delivery]:
        """Every delivery of a webhook: those that failed first, then the newest."""
        rows = self._session.scalars(_ROWS.where(WebhookDelivery.webhook_id == hook.key))
        return sorted((_read(row) for row in rows), key=lambda one: one.sort_key)

    def get(self, hook: Hook, event_id: str) -> Delivery:
        """The delivery of an event.

        Raises:
            DeliveryNotFoundError: there is none.
        """
        row = self._session.scalar(_ROWS.where(*_of(hook, event_id)))
        if row is None:
            raise DeliveryNotFoundError
        return _read(row)

    def redeliver(self, hook: Hook, event_id: str, *, by: str, at: datetime) -> Delivery:
        """Send an event again, whether it arrived or not.

        Raises:
            DeliveryNotFoundError: there is no such delivery.
        """
        self.get(hook, event_id)
        self._session.execute(
            update(WebhookDelivery)
            .where(*_of(hook, event_id))
            .values(state=WAITING, due_at=at, created_at=at, finished_at=None, attempts=0)
            .execution_options(synchronize_session=False)
        )
        AuditLog(self._session).record(by, "webhook.redeliver", hook.name, {"event": event_id}, at=at)
        return self.get(hook, event_id)

    def hurry(self, hook: Hook, now: datetime) -> None:
        """Send what waits for a webhook now instead of after a failure's pause."""
        self._queue.retry(now, WebhookDelivery.webhook_id == hook.key, WebhookDelivery.state == WAITING)

    def is_due(self, now: datetime, passed_over: Collection[str] = ()) -> bool:
        """Whether something can be sent.

        Args:
            passed_over: owners whose turn it is not.
        """
        return self._queue.is_due(now, *_in_turn(passed_over))

    def claim(
        self, worker: str, now: datetime, lease: timedelta, passed_over: Collection[str] = ()
    ) -> WebhookDelivery | None:
        """Take the delivery that is due longest and before which no other of its webhook waits.

        Args:
            passed_over: owners whose turn it is not.
        """
        return self._queue.claim(worker, now, lease, *_in_turn(passed_over))

    def claim_one(
        self, hook: Hook, event_id: str, worker: str, now: datetime, lease: timedelta
    ) -> WebhookDelivery | None:
        """Take one delivery, out of its turn; None where somebody else has it."""
        return self._queue.claim(worker, now, lease, *_of(hook, event_id))

    def settle(self, number: int, worker: str, attempt: int, **values: object) -> bool:
        """Say what became of an attempt; see ``Queue.settle``."""
        return self._queue.settle(number, worker, attempt, **values)

    def forget_old(self, before: datetime) -> None:
        """Remove finished deliveries that are old, and of each webhook those beyond the newest."""
        finished = WebhookDelivery.state != WAITING
        self._session.execute(delete(WebhookDelivery).where(finished, WebhookDelivery.finished_at < before))
        many = (
            select(WebhookDelivery.webhook_id)
            .where(finished)
            .group_by(WebhookDelivery.webhook_id)
            .having(func.count() > MOST_KEPT)
        )
        for key in self._session.scalars(many).all():
            mine = (WebhookDelivery.webhook_id == key, finished)
            oldest = (
                select(WebhookDelivery.id)
                .where(*mine)
                .order_by(WebhookDelivery.id.desc())
                .offset(MOST_KEPT - 1)
                .limit(1)
            )
            last = self._session.scalar(oldest)
            self._session.execute(delete(WebhookDelivery).where(*mine, WebhookDelivery.id < last))


_ROWS = select(WebhookDelivery).execution_options(populate_existing=True)


def _of(hook: Hook, event_id: str) -> tuple[ColumnElement[bool], ...]:
    return WebhookDelivery.webhook_id == hook.key, WebhookDelivery.event_id == event_id


#: A delivery of the same webhook that waits before another one. To make this takes longer than to ask it.
_earlier = shared_alias(WebhookDelivery)
_NOTHING_BEFORE = ~(
    select(_earlier.id)
    .where(
        _earlier.webhook_id == WebhookDelivery.webhook_id,
        _earlier.state == WAITING,
        _earlier.id < WebhookDelivery.id,
    )
    .exists()
)


def _in_turn(passed_over: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    """Whether nothing of the same webhook waits before a delivery, and the webhook is told anything now."""
    told = (
        select(Webhook.id)
        .where(
            Webhook.id == WebhookDelivery.webhook_id,
            Webhook.disabled_at.is_(None),
            Webhook.owner.not_in(sorted(passed_over)),
        )
        .exists()
    )
    return _NOTHING_BEFORE, told


def _read(row: Any) -> Delivery:
    return Delivery(
        number=row.id,
        event_id=row.event_id,
        kind=row.kind,
        state=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
        status=row.status,
        duration=row.duration,
        answer=row.answer,
        error=row.last_error,
    )
