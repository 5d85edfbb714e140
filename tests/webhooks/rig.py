"""Webhooks in this process: a database, a clock that is set, and the steps of a server's thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from marketplace.access import Scope
from marketplace.accounts import GroupService, TokenService
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.events import EventNoter
from marketplace.models import OutgoingMail
from marketplace.webhooks.definitions import SITE, AskedWebhook, EventFilters, Hook
from marketplace.webhooks.deliveries import Deliveries, Delivery
from marketplace.webhooks.planning import Planner
from marketplace.webhooks.registry import Made
from marketplace.webhooks.sending import Sender
from tests.factories.entries import accepted
from tests.mail.test_reminders import JANE, store

START = datetime(2026, 3, 14, 12, tzinfo=UTC)
BY = "cli:test"
SETTINGS = {
    "site.url": "https://mp.example.org",
    "mail.host": "127.0.0.1",
    "mail.sender": "mp@example.org",
    "mail.admin": "root@mp.example.org",
    "webhooks.allow_private": "127.0.0.0/8",
    "webhooks.timeout": "0.5",
}


@dataclass
class Rig:
    """One process of a site."""

    database: Database
    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    now: datetime = START
    entries: Any = None
    most_waiting: int = 100

    def __post_init__(self) -> None:
        read = Settings.from_mapping({**SETTINGS, "data": str(self.data), **self.settings})
        self.sender = Sender(self.database, read, lambda: self.now)
        self.planner = Planner(
            self.database, lambda: self.now, self.sender.disable, lambda hook: self.entries, self.most_waiting
        )
        self.noter = EventNoter(self.database, lambda: self.now)

    def make(self, url: str, audience: str = SITE, owner: str = BY, **given: Any) -> Made:
        """A webhook; ``token`` names the one that it is made with."""
        token = given.pop("token", None)
        with self.database.write() as session:
            return self.sender.registry(session).create(
                AskedWebhook(url, audience, EventFilters(**given)),
                owner=owner,
                token=token,
                by=BY,
                at=self.now,
            )

    def note(self) -> None:
        """Note what happened and owe it."""
        while self.noter.note() + self.planner.plan():
            pass

    def send(self, most: int = 1000) -> int:
        """Send what is due, one after the other; how many attempts that were."""
        for count in range(most):
            attempt = self.sender.take()
            if attempt is None:
                return count
            attempt()
        return most

    def run(self) -> int:
        """Note, owe and send everything."""
        self.note()
        return self.send()

    def wait(self, **span: float) -> None:
        """Let the clock go on."""
        self.now += timedelta(**span)

    def hook(self, made: Made) -> Hook:
        with self.database.read() as session:
            return self.sender.registry(session).get(made.hook.name)

    def deliveries(self, made: Made) -> list[Delivery]:
        with self.database.read() as session:
            return Deliveries(session).list(made.hook)

    def states(self, made: Made) -> list[tuple[str, int]]:
        """States and attempts, in the order in which the events were owed."""
        found = sorted(self.deliveries(made), key=lambda one: one.number)
        return [(one.state, one.attempts) for one in found]

    def token(self, owner: str, *scopes: Scope) -> str:
        """The public name of a new token."""
        with self.database.write() as session:
            issued = TokenService(session).create(owner, scopes, by=BY, at=self.now)
            return issued.token.name

    def group(self, name: str, *members: str) -> None:
        with self.database.write() as session:
            groups = GroupService(session)
            groups.create(name, by=BY, at=self.now)
            for one in members:
                groups.add(name, one, by=BY, at=self.now)

    def mails(self) -> list[tuple[str, str]]:
        """Recipients and bodies."""
        with self.database.read() as session:
            rows = session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))
            return [(row.recipient, row.body) for row in rows]


def upload(rig: Rig, *names: str, log: str = "public", email: str = JANE, **said: object) -> None:
    """Have entries accepted, one for each title."""
    store(rig.database, *[accepted(one, email, title=one, **said) for one in names], log=log)
