"""The mail that is owed: in the same transaction as the reason for it, and nobody's twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.mail.letter import LINK, Letter, LinkPurpose
from marketplace.mail.links import Links
from marketplace.models import OutgoingMail
from marketplace.models.owed import DEAD, SENT, WAITING
from marketplace.queue import MAX_ERROR, Queue

#: How long a worker may be silent about a mail it sends before another one tries.
LEASE = timedelta(minutes=15)
#: Mails of one list.
_MOST = 1000
#: How long the key of a mail that went out keeps a second one from going.
KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that one worker may send now.

    Args:
        secret: for the link in its body, made for this attempt; None where it has none.
        attempt: 1 for the first.
    """

    key: int
    letter: Letter
    secret: str | None
    attempt: int

    def body(self, site_url: str) -> str:
        """The mail's body with its link."""
        if self.secret is None:
            return self.letter.body
        return self.letter.body.replace(LINK, f"{site_url}/action/{self.secret}")


@dataclass(frozen=True, slots=True)
class OutgoingState:
    """A mail as its operator sees it: nothing of its body."""

    key: int
    state: str
    recipient: str
    subject: str
    attempts: int
    created_at: datetime
    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How much waits, how much was given up, and since when the oldest waits."""

    waiting: int
    dead: int
    oldest: datetime | None


class Outbox:
    """The outgoing mail as one transaction sees it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue = Queue(session, OutgoingMail)

    def enqueue(self, to: str, subject: str, body: str, key: str, *, now: datetime | None = None) -> bool:
        """Owe somebody a mail without a link; see ``post``."""
        return self.post(Letter(to, subject, body, key), now or datetime.now(UTC))

    def post(self, letter: Letter, now: datetime) -> bool:
        """Owe somebody a mail. It goes out once this transaction is committed.

        Returns:
            whether it was taken in: not where its key was before.
        """
        values = {
            "key": letter.key,
            "recipient": letter.to,
            "subject": letter.subject,
            "body": letter.body,
            "log": letter.log,
            "state": WAITING,
            "attempts": 0,
            "created_at": now,
            "due_at": now,
            "link_purpose": letter.link and letter.link.value,
            "pending_id": letter.pending_id,
        }
        try:
            with self._session.begin_nested():
                self._session.execute(insert(OutgoingMail).values(values))
        except IntegrityError:
            if self._session.scalar(select(OutgoingMail.id).where(OutgoingMail.key == letter.key)) is None:
                raise
            return False
        return True

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to send."""
        return self._queue.is_due(now)

    def claim(self, worker: str, now: datetime) -> Claimed | None:
        """Take the mail that is due longest, until this worker settles it or falls silent."""
        row = self._queue.claim(worker, now, LEASE)
        if row is None:
            return None
        purpose = None if row.link_purpose is None else LinkPurpose(row.link_purpose)
        letter = Letter(row.recipient, row.subject, row.body, row.key, row.log, purpose, row.pending_id)
        secret = None
        if purpose is not None and not (purpose is LinkPurpose.UPLOAD and row.pending_id is None):
            secret = str(Links(self._session).issue(purpose, row.recipient, row.pending_id, now))
        return Claimed(row.id, letter, secret, row.attempts)

    def settle_sent(self, claimed: Claimed, worker: str, now: datetime) -> None:
        """The mail went out: its body is forgotten, its key is kept."""
        self._settle(claimed, worker, state=SENT, body="", finished_at=now, last_error=None)

    def settle_later(self, claimed: Claimed, worker: str, due_at: datetime, error: str) -> None:
        """The mail did not go out and is tried again."""
        self._settle(claimed, worker, due_at=due_at, last_error=error[:MAX_ERROR])

    def settle_dead(self, claimed: Claimed, worker: str, now: datetime, error: str) -> None:
        """The mail will not go out by itself: the operator sees it."""
        self._settle(claimed, worker, state=DEAD, finished_at=now, last_error=error[:MAX_ERROR])

    def take_over(self) -> int:
        """Send what an earlier worker claimed and did not settle: it may have gone out. Returns how many."""
        return self._queue.release_claims()

    def give_up(self, before: datetime, now: datetime, reason: str) -> int:
        """Put aside as dead what has waited since before a moment and is not being sent; returns how many."""
        return self._queue.give_up(before, now, reason)

    def discard(self, claimed: Claimed) -> None:
        """Forget a mail whose reason is gone."""
        self._session.execute(delete(OutgoingMail).where(OutgoingMail.id == claimed.key))

    def forget_old(self, now: datetime) -> None:
        """Remove mail that went out long ago."""
        self._session.execute(
            delete(OutgoingMail).where(OutgoingMail.state == SENT, OutgoingMail.finished_at < now - KEPT)
        )

    def list(self, states: Collection[str] = (WAITING, DEAD)) -> Sequence[OutgoingState]:
        """Mails in some states, the oldest first."""
        found = self._session.scalars(
            select(OutgoingMail).where(OutgoingMail.state.in_(states)).order_by(OutgoingMail.id).limit(_MOST)
        )
        return [
            OutgoingState(
                row.id,
                row.state,
                row.recipient,
                row.subject,
                row.attempts,
                row.created_at,
                row.due_at,
                row.last_error,
            )
            for row in found
        ]

    def counts(self, log: str | None = PUBLIC) -> OutboxCounts:
        """How much there is to tell about a log, or about all of them."""
        by_state = self._queue.by_state(*([] if log is None else [OutgoingMail.log == log]))
        waiting, oldest = by_state.get(WAITING, (0, None))
        return OutboxCounts(waiting, by_state.get(DEAD, (0, None))[0], oldest)

    def retry(self, keys: Collection[int] | None, now: datetime) -> int:
        """Send dead mail, and mail that waits for its next attempt, now; its time to be given up begins anew.

        Args:
            keys: of the mails; None for all.

        Returns:
            how many.
        """
        return self._queue.retry(now, *_chosen(keys))

    def drop(self, keys: Collection[int] | None) -> int:
        """Forget dead mail; returns how many."""
        return self._queue.drop(*_chosen(keys))

    def _settle(self, claimed: Claimed, worker: str, **values: object) -> None:
        self._queue.settle(claimed.key, worker, claimed.attempt, **values)


def _chosen(keys: Collection[int] | None) -> list[ColumnElement[bool]]:
    return [] if keys is None else [OutgoingMail.id.in_(keys)]
