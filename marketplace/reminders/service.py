"""Reminding endorsers, each of one thing once, however many processes do it and however often they start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from marketplace.config import Settings
from marketplace.config.mail import is_address
from marketplace.db import Database
from marketplace.mail import LinkPurpose, Outbox
from marketplace.mail.links import FoundLink, Links
from marketplace.models import ReminderGiven
from marketplace.reminders.choices import Choices
from marketplace.reminders.due import DAYS, Due
from marketplace.reminders.letters import expiry_letter, monthly_letter, subscription_letter

#: How long it is remembered what was told; longer than anything can fall due again.
_KEPT = timedelta(days=400)


class ReminderService:
    """Finds what falls due and owes the mail. Safe to call from any number of threads and processes.

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

    def run(self) -> int:
        """Owe every reminder that falls due; returns how many mails that are."""
        if not self._settings.reminders.enabled:
            return 0
        owed = sum(self._warn(days) for days in DAYS) + self._list()
        with self._database.write() as session:
            session.execute(delete(ReminderGiven).where(ReminderGiven.given_at < self._now() - _KEPT))
        if owed:
            self._nudge()
        return owed

    def ask(self, email: str) -> None:
        """Ask the reader of an address whether reminders are wanted; at most one mail a day, and only
        where the public log knows the address. Whoever calls learns nothing of that."""
        if not self._settings.reminders.enabled or not is_address(email):
            return
        now = self._now()
        key = f"subscribe/{email.lower()}/{now.strftime('%Y-%m-%d')}"
        with self._database.write() as session:
            if not self._due(session).is_endorser(email):
                return
            Outbox(session).post(subscription_letter(email, key, self._settings.site), now)
        self._nudge()

    def find(self, secret: str) -> FoundLink | None:
        """What a link allows, if it is about reminders."""
        with self._database.read() as session:
            found = Links(session).find(secret, self._now())
        return None if found is None or found.purpose is LinkPurpose.UPLOAD else found

    def follow(self, secret: str) -> FoundLink | None:
        """Do what a link about reminders allows, and end it; None where there is no such link."""
        found = self.find(secret)
        if found is None:
            return None
        with self._database.write() as session:
            choices = Choices(session)
            choose = choices.subscribe if found.purpose is LinkPurpose.SUBSCRIBE else choices.stop
            choose(found.address, self._now())
            # Links to stop with stand in older mails too; they go on working until they are too old.
            Links(session).revoke(LinkPurpose.SUBSCRIBE, found.address)
        return found

    def _warn(self, days: int) -> int:
        with self._database.read() as session:
            addresses = self._due(session).addresses(days)
        owed = 0
        for email in addresses:
            with self._database.write() as session:
                if entries := self._due(session).take_ending(email, days):
                    letter = expiry_letter(entries, days, self._now(), self._settings.site)
                    owed += Outbox(session).post(letter, self._now())
        return owed

    def _list(self) -> int:
        with self._database.read() as session:
            addresses = self._due(session).subscribers()
        owed = 0
        for email in addresses:
            with self._database.write() as session:
                if entries := self._due(session).take_month(email):
                    letter = monthly_letter(entries, self._now(), self._settings.site)
                    owed += Outbox(session).post(letter, self._now())
        return owed

    def _due(self, session: Session) -> Due:
        return Due(session, self._now(), self._settings.reminders.warn)
