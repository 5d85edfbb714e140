"""The thread that sends what is owed and does what falls due beside it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from marketplace.access.principal import PUBLIC
from marketplace.background import Job
from marketplace.config.mail import MailSettings
from marketplace.config.sections import SiteSettings
from marketplace.db import Database
from marketplace.mail.letter import compose
from marketplace.mail.links import Links
from marketplace.mail.outbox import Claimed, Outbox
from marketplace.mail.smtp import (
    PermanentError,
    ServerUnavailableError,
    SmtpConnection,
    SmtpTransport,
    TemporaryError,
)
from marketplace.moments import counted, utc_now
from marketplace.queue import next_wait, waited

#: Seconds between looks at the outbox: other processes owe mail without a word.
POLL = 1.0
#: Seconds in which what happens together gathers, so that it becomes one mail; at most ``POLL`` more pass.
GATHER = 1.0
#: Longest time in seconds without a try to reach the server.
LONGEST_PAUSE = 300.0
#: Seconds between two removals of what is of no use any more.
TIDY = 3600.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do from time to time, in any number of processes at once.

    Args:
        interval: seconds from one time to the next.
    """

    name: str
    interval: float
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class MailHealth:
    """Whether mail goes out of this process.

    Args:
        state: ``off`` where no server is configured, ``ok``, or ``failing``.
        reason: what the last attempt met; None unless failing.
    """

    state: str
    reason: str | None = None


class MailWorker(Job):
    """Sends mail and runs regular jobs on a separate thread.

    Args:
        site: base of the links in mails, and what the sender is called.
        wake: whoever owes mail sets it; other processes' mail is seen a moment later.
        chores: what else there is to do; a failing one is logged and tried again at its time.
        on_outcome: called with ``sent``, ``delayed`` or ``dead`` for attempts at mail about the public log.
    """

    def __init__(
        self,
        database: Database,
        settings: MailSettings,
        site: SiteSettings,
        wake: threading.Event,
        *,
        chores: Sequence[Chore] = (),
        now: Callable[[], datetime] = utc_now,
        on_outcome: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        super().__init__(database, "mail", patience=30.0)
        self._settings = settings
        self._site = site
        self._transport = SmtpTransport(settings, site.url)
        self._chores = [*chores, Chore("tidy", TIDY, self._tidy)]
        self._now = now
        self._on_outcome = on_outcome
        self._name = uuid4().hex
        self._failures = 0
        self._not_before = 0.0
        self._health = MailHealth("ok" if settings.host else "off")
        self._wake = wake
        #: Chores that do not wait for their time: the moment at which each may run.
        self._hurried: dict[str, float] = {}

    @property
    def health(self) -> MailHealth:
        """Whether mail goes out, as far as this process has tried."""
        return self._health

    def hurry(self, chore: str) -> None:
        """Have a chore run in a moment instead of at its time. Cheap, callable from any thread."""
        self._hurried.setdefault(chore, time.monotonic() + GATHER)
        self._wake.set()

    def deliver(self) -> int:
        """Send everything that is due, on the calling thread.

        Returns:
            how many mails went out.
        """
        if not self._settings.host or time.monotonic() < self._not_before or not self._is_due():
            return 0
        sent = 0
        try:
            with self._transport.connect() as connection:
                while not self.is_ending and (claimed := self._claim()) is not None:
                    sent += self._send(connection, claimed)
        except ServerUnavailableError as error:
            self._pause(str(error))
        else:
            self._failures, self._health = 0, MailHealth("ok")
        return sent

    def _run(self, stopping: threading.Event) -> None:
        due = {chore.name: time.monotonic() for chore in self._chores}
        # This process does the work now, so nobody else sends what was claimed.
        self._attempt("taking over", self._take_over)
        while not stopping.is_set():
            for chore in self._chores:
                if time.monotonic() >= min(due[chore.name], self._hurried.get(chore.name, math.inf)):
                    self._hurried.pop(
                        chore.name, None
                    )  # before it runs: what comes meanwhile is seen to again
                    self._attempt(chore.name, chore.run)
                    due[chore.name] = time.monotonic() + chore.interval
            self._attempt("delivery", self.deliver)
            self._wake.wait(min(POLL, *(chore.interval for chore in self._chores)))
            self._wake.clear()

    @staticmethod
    def _attempt(name: str, run: Callable[[], object]) -> None:
        try:
            run()
        except Exception:  # the thread goes on: logged, and tried again
            _logger.exception("mail: %s failed; it is tried again", name)

    def _take_over(self) -> None:
        with self._database.write() as session:
            taken = Outbox(session).take_over()
        if taken:
            _logger.warning(
                "mail: %s may go out twice: the worker ended while it sent", counted(taken, "mail")
            )

    def _is_due(self) -> bool:
        with self._database.read() as session:
            return Outbox(session).is_due(self._now())

    def _claim(self) -> Claimed | None:
        with self._database.write() as session:
            return Outbox(session).claim(self._name, self._now())

    def _send(self, connection: SmtpConnection, claimed: Claimed) -> int:
        """Send one mail and say what became of it; 1 where it went out."""
        if claimed.letter.link is not None and claimed.secret is None:
            with self._database.write() as session:  # its upload was confirmed, withdrawn or has expired
                Outbox(session).discard(claimed)
            return 0
        letter = claimed.letter
        sender = self._settings.sender or ""
        message = compose(letter, claimed.body(self._site.url), sender, self._site.title, self._now())
        try:
            connection.send(letter.to, message)
        except PermanentError as error:
            self._give_up(claimed, str(error))
            return 0
        except TemporaryError as error:
            self._delay(claimed, str(error))
            return 0
        except ServerUnavailableError as error:
            self._delay(claimed, str(error))
            raise
        with self._database.write() as session:
            Outbox(session).settle_sent(claimed, self._name, self._now())
        self._tell("sent", claimed)
        return 1

    def _delay(self, claimed: Claimed, reason: str) -> None:
        first = timedelta(seconds=self._settings.retry_seconds)
        if waited(claimed.attempt, first) > timedelta(hours=self._settings.give_up_hours):
            self._give_up(claimed, reason)
            return
        due = self._now() + next_wait(claimed.attempt, first)
        with self._database.write() as session:
            Outbox(session).settle_later(claimed, self._name, due, reason)
        self._tell("delayed", claimed)

    def _give_up(self, claimed: Claimed, reason: str) -> None:
        with self._database.write() as session:
            Outbox(session).settle_dead(claimed, self._name, self._now(), reason)
        _logger.error("mail: given up, see `marketplace mail list`: %s", reason)
        self._tell("dead", claimed)

    def _tell(self, outcome: str, claimed: Claimed) -> None:
        """Count in figures that everybody sees: of mail about groups they must not tell."""
        if claimed.letter.log == PUBLIC:
            self._on_outcome(outcome)

    def _pause(self, reason: str) -> None:
        """Without a server every mail would fail alike: none is tried for a while."""
        self._failures += 1
        seconds = self._pause_seconds()
        self._not_before = time.monotonic() + seconds
        self._health = MailHealth("failing", reason)
        _logger.error("mail: %s; tried again in %.1f s", reason, seconds)
        self._expire_unsent(reason)

    def _pause_seconds(self) -> float:
        wait = next_wait(self._failures, timedelta(seconds=self._settings.retry_seconds))
        return min(wait.total_seconds(), LONGEST_PAUSE)

    def _expire_unsent(self, reason: str) -> None:
        """Give up what has waited too long, also where no server was ever reached."""
        with self._database.write() as session:
            before = self._now() - timedelta(hours=self._settings.give_up_hours)
            Outbox(session).give_up(before, self._now(), reason)

    def _tidy(self) -> None:
        with self._database.write() as session:
            Links(session).forget_expired(self._now())
            Outbox(session).forget_old(self._now())
