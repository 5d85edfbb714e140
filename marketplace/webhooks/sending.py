"""Sends what webhooks are owed: claimed, sent without any transaction, and what became of it noted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import Session

from marketplace.config import Settings
from marketplace.config.mail import is_address
from marketplace.db import Database
from marketplace.locations import AddressGuard
from marketplace.mail import Letter, Outbox, one_line
from marketplace.models import Webhook, WebhookDelivery
from marketplace.models.base import UtcSecond
from marketplace.models.owed import DEAD, SENT
from marketplace.queue import MAX_ERROR, next_wait, waited
from marketplace.webhooks.bodies import find_body
from marketplace.webhooks.definitions import Hook, check
from marketplace.webhooks.deliveries import Deliveries, Delivery
from marketplace.webhooks.errors import SecretKeyError, WebhookDefinitionError
from marketplace.webhooks.posting import Poster, PostOutcome
from marketplace.webhooks.registry import WebhookRegistry, read_hook
from marketplace.webhooks.rights import find_objection
from marketplace.webhooks.secrets import SecretBox
from marketplace.webhooks.signature import headers

#: How long beyond the time for one attempt a worker may be silent before another one tries.
_GRACE = timedelta(seconds=5)
#: Deliveries of one owner that a process sends at the same time: receivers that hang hold up nobody else.
MOST_OF_OWNER_AT_ONCE = 2
_GONE = "the receiver answered 410 Gone: it wants to be told nothing any more"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A delivery that is claimed: what to send, or why it cannot be sent now."""

    number: int
    count: int
    event_id: str
    hook: Hook
    body: bytes
    keys: tuple[bytes, ...]
    objection: str


class Sender:
    """Sends deliveries. Safe to share between threads; any number of processes may send at once.

    Args:
        now: the clock.
        nudge: called when mail is owed.
        on_outcome: called with ``sent``, ``delayed`` or ``dead`` for each attempt.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        now: Callable[[], datetime],
        *,
        nudge: Callable[[], None] = lambda: None,
        on_outcome: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._nudge = nudge
        self._on_outcome = on_outcome
        self._name = uuid4().hex
        self._lock = threading.Lock()
        #: Deliveries of each owner that this process is sending.
        self._on_the_way: Counter[str] = Counter()
        self._guard = AddressGuard(settings.webhooks.allow_private)
        self._box = SecretBox(settings.data)
        authorities = settings.webhooks.ca_file
        self._poster = Poster(
            self._guard, settings.webhooks.timeout, None if authorities is None else str(authorities)
        )

    def is_due(self) -> bool:
        """Whether something can be sent."""
        with self._database.read() as session:
            return Deliveries(session).is_due(self._now(), self._busy_owners())

    def take(self) -> Callable[[], None] | None:
        """Claim one delivery; returns what sends it, which never raises for what a receiver does."""
        now = self._now()
        with self._database.write() as session:
            row = Deliveries(session).claim(self._name, now, self._lease, self._busy_owners())
            attempt = None if row is None else self._prepare(session, row, now)
        if row is None:
            return None
        if attempt is None:
            return lambda: None
        with self._lock:
            self._on_the_way[attempt.hook.owner] += 1
        return partial(self._send_in_turn, attempt)

    def send_test(self, hook: Hook, *, by: str) -> Delivery:
        """Send a test at once, whatever else waits; returns what came of it."""
        now = self._now()
        with self._database.write() as session:
            deliveries = Deliveries(session)
            event_id = deliveries.owe_test(hook, by=by, at=now)
            row = deliveries.claim_one(hook, event_id, self._name, now, self._lease)
            attempt = None if row is None else self._prepare(session, row, now)
        if attempt is not None:
            self._send(attempt)
        with self._database.read() as session:
            return Deliveries(session).get(hook, event_id)

    def disable(self, session: Session, hook: Hook, reason: str) -> None:
        """Tell a webhook nothing any more, and its owner why."""
        now = self._now()
        self.registry(session).disable(hook.name, reason, by="system", at=now)
        mail = self._settings.mail
        if not mail.host:
            return
        to = [hook.owner] if is_address(hook.owner) else mail.admin
        owed = [Outbox(session).post(self._letter(hook, reason, one, now), now) for one in to]
        if any(owed):
            self._nudge()

    @property
    def _lease(self) -> timedelta:
        return 2 * timedelta(seconds=self._settings.webhooks.timeout) + _GRACE

    def forget_old(self) -> None:
        """Remove what the log of deliveries does not keep any longer."""
        with self._database.write() as session:
            Deliveries(session).forget_old(self._now() - timedelta(days=self._settings.webhooks.keep_days))

    def registry(self, session: Session) -> WebhookRegistry:
        """The webhooks, as a transaction sees them."""
        return WebhookRegistry(session, self._box, self._guard)

    def _prepare(self, session: Session, row: WebhookDelivery, now: datetime) -> _Attempt | None:
        """What an attempt sends; None where the delivery was settled already, in this transaction."""
        hook = read_hook(session.scalars(select(Webhook).where(Webhook.id == row.webhook_id)).one())
        reason = find_objection(session, hook, now)
        if reason is not None:
            self.disable(session, hook, reason)
            self._release(session, row)
            return None
        body = find_body(session, hook, row.event_id, row.kind, row.created_at, self._settings.site.url)
        if body is None:  # erased, not shown here any more, or so old that it was forgotten
            session.execute(delete(WebhookDelivery).where(WebhookDelivery.id == row.id))
            return None
        keys: tuple[bytes, ...] = ()
        objection = ""
        try:
            keys = self.registry(session).keys(hook, now)
            check(hook.asked, self._guard)  # settings may have changed
        except (SecretKeyError, WebhookDefinitionError) as error:
            objection = str(error)
        return _Attempt(row.id, row.attempts, row.event_id, hook, body, keys, objection)

    def _busy_owners(self) -> Collection[str]:
        """Owners of whom as much is on the way as one may have: the others get the rest."""
        with self._lock:
            return [owner for owner, count in self._on_the_way.items() if count >= MOST_OF_OWNER_AT_ONCE]

    def _send_in_turn(self, attempt: _Attempt) -> None:
        try:
            self._send(attempt)
        finally:
            with self._lock:
                self._on_the_way -= Counter((attempt.hook.owner,))

    def _send(self, attempt: _Attempt) -> None:
        if attempt.objection:
            self._fail(attempt, PostOutcome(None, attempt.objection, "", 0))
            return
        given = {
            "Content-Type": "application/json",
            "User-Agent": "marketplace",
            **headers(attempt.event_id, self._now(), attempt.body, attempt.keys),
        }
        outcome = self._poster.post(attempt.hook.url, given, attempt.body)
        if outcome.arrived:
            self._succeed(attempt, outcome)
        else:
            self._fail(attempt, outcome)

    def _succeed(self, attempt: _Attempt, outcome: PostOutcome) -> None:
        now = self._now()
        with self._database.write() as session:
            self._settle(session, attempt, outcome, state=SENT, finished_at=now, last_error=None)
            session.execute(update(Webhook).where(Webhook.id == attempt.hook.key).values(failing_since=None))
        self._on_outcome("sent")

    def _fail(self, attempt: _Attempt, outcome: PostOutcome) -> None:
        now, settings = self._now(), self._settings.webhooks
        first = timedelta(seconds=settings.retry_seconds)
        given_up = outcome.gone or waited(attempt.count, first) > timedelta(hours=settings.give_up_hours)
        wait = next_wait(attempt.count, first)
        error = outcome.reason[:MAX_ERROR]
        with self._database.write() as session:
            if given_up:
                self._settle(session, attempt, outcome, state=DEAD, finished_at=now, last_error=error)
            else:
                self._settle(session, attempt, outcome, due_at=now + wait, last_error=error)
            since = session.scalars(
                update(Webhook)
                .where(Webhook.id == attempt.hook.key)
                .values(failing_since=func.coalesce(Webhook.failing_since, literal(now, UtcSecond)))
                .returning(Webhook.failing_since)
                .execution_options(synchronize_session=False)
            ).one_or_none()
            if outcome.gone:
                self.disable(session, attempt.hook, _GONE)
            elif since is not None and self._failed_long(session, attempt.hook, now - since):
                self.disable(
                    session, attempt.hook, f"no event arrived for {settings.disable_hours:g} hours: {error}"
                )
        self._on_outcome("dead" if given_up else "delayed")

    def _failed_long(self, session: Session, hook: Hook, since: timedelta) -> bool:
        """Whether nothing arrived for so long that a webhook is told nothing any more.

        Args:
            since: how long ago its first attempt failed, by a clock that may have been set meanwhile; so the
                waits between its attempts have to be as long.
        """
        settings = self._settings.webhooks
        longest, first = timedelta(hours=settings.disable_hours), timedelta(seconds=settings.retry_seconds)
        if since <= longest:
            return False
        attempts = Deliveries(session).attempts_in_vain(hook)
        return sum((waited(one, first) for one in attempts), timedelta()) > longest

    def _settle(self, session: Session, attempt: _Attempt, outcome: PostOutcome, **values: object) -> None:
        Deliveries(session).settle(
            attempt.number,
            self._name,
            attempt.count,
            status=outcome.status,
            duration=outcome.milliseconds,
            answer=outcome.answer,
            **values,
        )

    def _release(self, session: Session, row: WebhookDelivery) -> None:
        Deliveries(session).settle(row.id, self._name, row.attempts)

    def _letter(self, hook: Hook, reason: str, to: str, now: datetime) -> Letter:
        site = self._settings.site
        title = one_line(site.title, 80)
        body = "\n".join(
            [
                f"A webhook of {title} ({site.url}) was disabled:",
                "",
                f"    {one_line(hook.url, 200)}",
                f"      {hook.name}, made by {one_line(hook.owner, 100)}",
                "",
                f"Why: {one_line(reason, 300)}",
                "",
                "It is told of nothing until somebody enables it again:",
                f"    {site.url}/webhooks/{hook.name}",
                f"    marketplace webhook enable {hook.name}",
                "",
            ]
        )
        subject = f"{title}: a webhook was disabled"
        return Letter(to, subject, body, f"webhook {hook.name} {now.isoformat()} {to}", hook.log)
