"""The mail that is owed: in the same transaction as the reason for it, and nobody's twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.mail.letter import LINK, Letter, LinkPurpose
from marketplace.mail.links import Links
from marketplace.models import OutgoingMail

#: How long a worker may be silent about a mail it sends before another one tries.
LEASE = timedelta(minutes=15)
#: How long the key of a mail that went out keeps a second one from going.
KEPT = timedelta(days=400)
#: Longest wait between two attempts.
LONGEST_WAIT = timedelta(hours=6)
_MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that one worker may send now.

    Args:
        secret: for the link in its body, made for this attempt; None where it has none.
        attempt: 1 for the first.
        since: when it was taken in.
    """

    key: int
    letter: Letter
    secret: str | None
    attempt: int
    since: datetime

    def body(self, site_url: str) -> str:
        """The body with its link filled in."""
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
            "state": "waiting",
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
        """Whether there is something to send; a read, so that waiting costs no lock."""
        return self._session.scalar(select(OutgoingMail.id).where(_due(now)).limit(1)) is not None

    def claim(self, worker: str, now: datetime) -> Claimed | None:
        """Take the mail that is due longest, until this worker settles it or falls silent."""
        row = self._session.scalar(
            select(OutgoingMail)
            .where(_due(now))
            .order_by(OutgoingMail.due_at, OutgoingMail.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return None
        row.claimed_by, row.claimed_until, row.attempts = worker, now + LEASE, row.attempts + 1
        purpose = None if row.link_purpose is None else LinkPurpose(row.link_purpose)
        letter = Letter(row.recipient, row.subject, row.body, row.key, row.log, purpose, row.pending_id)
        secret = None
        if purpose is not None and not (purpose is LinkPurpose.UPLOAD and row.pending_id is None):
            secret = str(Links(self._session).issue(purpose, row.recipient, row.pending_id, now))
        self._session.flush()
        return Claimed(row.id, letter, secret, row.attempts, row.created_at)

    def settle_sent(self, claimed: Claimed, worker: str, now: datetime) -> None:
        """The mail went out: its body is forgotten, its key is kept."""
        self._settle(claimed, worker, state="sent", body="", finished_at=now, last_error=None)

    def settle_later(self, claimed: Claimed, worker: str, due_at: datetime, error: str) -> None:
        """The mail did not go out and is tried again."""
        self._settle(claimed, worker, due_at=due_at, last_error=error[:_MAX_ERROR])

    def settle_dead(self, claimed: Claimed, worker: str, now: datetime, error: str) -> None:
        """The mail will not go out by itself: the operator sees it."""
        self._settle(claimed, worker, state="dead", finished_at=now, last_error=error[:_MAX_ERROR])

    def give_up(self, before: datetime, now: datetime, reason: str) -> int:
        """Put aside as dead what has waited since before a moment and is not being sent; returns how many."""
        idle = or_(OutgoingMail.claimed_until.is_(None), OutgoingMail.claimed_until <= now)
        return self._count(
            update(OutgoingMail)
            .where(OutgoingMail.state == "waiting", OutgoingMail.created_at < before, idle)
            .values(state="dead", finished_at=now, last_error=reason[:_MAX_ERROR])
            .returning(OutgoingMail.id)
        )

    def discard(self, claimed: Claimed) -> None:
        """Forget a mail whose reason is gone."""
        self._session.execute(delete(OutgoingMail).where(OutgoingMail.id == claimed.key))

    def forget_old(self, now: datetime) -> None:
        """Remove mail that went out long ago."""
        self._session.execute(
            delete(OutgoingMail).where(OutgoingMail.state == "sent", OutgoingMail.finished_at < now - KEPT)
        )

    def list(
        self, states: Collection[str] = ("waiting", "dead"), limit: int = 1000
    ) -> Sequence[OutgoingState]:
        """Mails in some states, the oldest first."""
        found = self._session.scalars(
            select(OutgoingMail).where(OutgoingMail.state.in_(states)).order_by(OutgoingMail.id).limit(limit)
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
        statement = select(OutgoingMail.state, func.count(), func.min(OutgoingMail.created_at)).where(
            OutgoingMail.state != "sent"
        )
        if log is not None:
            statement = statement.where(OutgoingMail.log == log)
        by_state = {
            state: (n, since)
            for state, n, since in self._session.execute(statement.group_by(OutgoingMail.state))
        }
        waiting, oldest = by_state.get("waiting", (0, None))
        return OutboxCounts(waiting, by_state.get("dead", (0, None))[0], oldest)

    def retry(self, keys: Collection[int] | None, now: datetime) -> int:
        """Send dead mail, and mail that waits for its next attempt, now; its time to be given up begins anew.

        Args:
            keys: of the mails; None for all.

        Returns:
            how many.
        """
        return self._count(
            update(OutgoingMail)
            .where(OutgoingMail.state != "sent", *_chosen(keys))
            .values(state="waiting", due_at=now, created_at=now, finished_at=None)
            .returning(OutgoingMail.id)
        )

    def drop(self, keys: Collection[int] | None) -> int:
        """Forget dead mail; returns how many."""
        return self._count(
            delete(OutgoingMail)
            .where(OutgoingMail.state == "dead", *_chosen(keys))
            .returning(OutgoingMail.id)
        )

    def _settle(self, claimed: Claimed, worker: str, **values: object) -> None:
        # Whoever was silent for longer than its lease has no say any more.
        self._session.execute(
            update(OutgoingMail)
            .where(
                OutgoingMail.id == claimed.key,
                OutgoingMail.claimed_by == worker,
                OutgoingMail.attempts == claimed.attempt,
            )
            .values(claimed_by=None, claimed_until=None, **values)
            .execution_options(synchronize_session=False)
        )

    def _count(self, statement: object) -> int:
        return len(
            self._session.execute(
                statement,  # type: ignore[call-overload]  # an update or a delete, both with RETURNING
                execution_options={"synchronize_session": False},
            ).all()
        )


def next_wait(attempt: int, first: timedelta) -> timedelta:
    """How long to wait after a number of failed attempts."""
    return min(first * float(2 ** min(attempt - 1, 30)), LONGEST_WAIT)


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(OutgoingMail.claimed_until.is_(None), OutgoingMail.claimed_until <= now)
    return (OutgoingMail.state == "waiting") & (OutgoingMail.due_at <= now) & free


def _chosen(keys: Collection[int] | None) -> list[ColumnElement[bool]]:
    return [] if keys is None else [OutgoingMail.id.in_(keys)]
