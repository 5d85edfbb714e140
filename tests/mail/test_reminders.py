"""Reminders: whom, of what, when, and once, on both databases."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.config import Settings
from marketplace.confirmation import PendingUploads
from marketplace.db import Database
from marketplace.ingest import IngestService, Source, UploadPolicy
from marketplace.models import Certificate, OutgoingMail, VerdictRow
from marketplace.reminders import Choices, ReminderService
from tests.factories.entries import accepted, signer
from tests.waiting import HANGING
from validators.document import AcceptedEntry

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
JANE = "jane@example.org"

Reminders = Callable[..., ReminderService]


@pytest.fixture
def reminders(database: Database) -> Reminders:
    """Makes the service as one of several processes would."""

    def make(now: datetime = NOW, warn: str = "known") -> ReminderService:
        settings = Settings.from_mapping(
            {
                "site.url": "https://mp.example.org",
                "mail.host": "127.0.0.1",
                "mail.sender": "mp@example.org",
                "reminders.enabled": "true",
                "reminders.warn": warn,
            }
        )
        return ReminderService(database, settings, lambda: now)

    return make


def store(database: Database, *entries: AcceptedEntry, log: str = PUBLIC) -> None:
    with database.write() as session:
        ChangeLog(session).create(log)
    with closing(IngestService(database, UploadPolicy(), lambda: NOW)) as ingest:
        for entry in entries:
            ingest.enqueue(entry, log, Source.IMPORT).result(60)


def ending(days: float, image: object = "image", email: str = JANE, **said: Any) -> AcceptedEntry:
    return accepted(image, email, valid=NOW + timedelta(days=days), **said)


def know(database: Database, email: str = JANE) -> None:
    """The site knows the address: its reader confirmed the certificate."""
    with database.write() as session:
        PendingUploads(session).remember(signer(email).fingerprint, email, PUBLIC, NOW)


def mails(database: Database) -> list[OutgoingMail]:
    with database.read() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


@pytest.mark.parametrize(
    ("days", "mail"),
    [(40, 0), (30.5, 0), (29.9, 30), (7.5, 30), (7, 7), (2, 7), (1, 1), (0.01, 1), (0, 0), (-1, 0)],
)
def test_the_nearest_of_30_7_and_1_days_is_told(
    database: Database, reminders: Reminders, days: float, mail: int
) -> None:
    store(database, ending(days))
    know(database)
    assert reminders().run() == (1 if mail else 0)
    for one in mails(database):
        within = "within a day" if mail == 1 else f"within {mail} days"
        assert within in one.subject and within in one.body and one.recipient == JANE


def test_each_distance_is_told_once_over_starts_and_days(database: Database, reminders: Reminders) -> None:
    store(database, ending(40))
    know(database)
    told = []
    for hour in range(0, 41 * 24, 12):
        now = NOW + timedelta(hours=hour)
        if reminders(now).run():
            told.append(40 - hour / 24)
    assert told == [30, 7, 1]


def test_processes_that_look_at_once_send_one_mail(database: Database, reminders: Reminders) -> None:
    store(database, *(ending(5 + n / 100, n) for n in range(10)))
    know(database)
    with database.write() as session:
        Choices(session).subscribe(JANE, NOW)
    start = threading.Barrier(4)

    def run(n: int) -> int:
        start.wait(HANGING)
        return reminders().run()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 2
    assert [
        one.subject.partition(":")[2] for one in sorted(mails(database), key=lambda one: one.subject)
    ] == [
        " 10 entries expire within 7 days",
        " your entries, 2026-03",
    ]


def test_the_mail_holds_a_command_to_paste(database: Database, reminders: Reminders) -> None:
    entries = [ending(3, "a", title="First \u202e\x85image"), ending(2, "b", title=None)]
    store(database, *entries)
    know(database)
    reminders().run()
    (mail,) = mails(database)
    text = mail.body
    assert text.index(entries[1].identifier) < text.index(entries[0].identifier)  # the soonest first
    assert "\u202e" not in text and "\x85" not in text
    command = text[text.index("marketplace extend") : text.index("To withdraw")].strip()
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:6] == [
        "marketplace", "extend", "--endpoint", "https://mp.example.org", "--until", "2027-03-14",
    ]  # fmt: skip
    assert sorted(words[-2:]) == sorted(f"{one.identifier}/{JANE}" for one in entries)


def test_deprecated_superseded_and_endless_entries_are_no_news(
    database: Database, reminders: Reminders
) -> None:
    later = NOW - timedelta(days=1)
    store(
        database,
        ending(5, "deprecated", deprecated="old"),
        ending(5, "superseded"),
        accepted("superseded", JANE, later, valid=NOW + timedelta(days=99)),
        accepted("endless", JANE),
    )
    know(database)
    assert reminders().run() == 0


def test_an_extended_entry_is_told_of_again(database: Database, reminders: Reminders) -> None:
    store(database, ending(5))
    know(database)
    assert reminders().run() == 1
    store(database, accepted("image", JANE, NOW, valid=NOW + timedelta(days=6)))
    assert (reminders().run(), reminders().run()) == (1, 0)


def test_an_address_that_proved_nothing_is_left_alone(database: Database, reminders: Reminders) -> None:
    store(database, ending(5))
    assert reminders().run() == 0
    know(database, "other@example.org")
    assert reminders().run() == 0
    assert reminders(warn="all").run() == 1


@pytest.mark.parametrize(
    ("standing", "bound", "told"),
    [("chained", JANE, 1), ("chained", None, 0), ("self-signed", JANE, 0), ("revoked", JANE, 0)],
)
def test_an_address_in_a_trusted_certificate_is_known(
    database: Database, reminders: Reminders, standing: str, bound: str | None, told: int
) -> None:
    store(database, ending(5, signed_by=signer(JANE, email=bound)))
    with database.write() as session:
        key = session.scalars(select(Certificate.id)).one()
        values = {
            "certificate_id": key, "standing": standing, "pinned": False, "listed": False,
            "takes_legacy": False, "begins": NOW, "ends": NOW, "basis": "b", "judged_at": NOW, "revision": 1,
        }  # fmt: skip
        session.execute(insert(VerdictRow).values(values))
    assert reminders().run() == told


def test_who_stops_reminders_gets_none(database: Database, reminders: Reminders) -> None:
    store(database, ending(5))
    know(database)
    with database.write() as session:
        Choices(session).stop(JANE, NOW)
    assert reminders().run() == reminders(warn="all").run() == 0
    with database.write() as session:
        Choices(session).subscribe(JANE, NOW)
    assert reminders().run() == 2


def test_the_list_comes_once_a_month_to_those_who_asked(database: Database, reminders: Reminders) -> None:
    entries = [
        accepted("endless", JANE, title="An endless one"),
        accepted("over", JANE, valid=NOW - timedelta(days=1)),
        accepted("withdrawn", JANE, deprecated="broken"),
        accepted("not hers", "joe@example.org"),
    ]
    store(database, *entries)
    with database.write() as session:
        Choices(session).subscribe(JANE, NOW)
        Choices(session).subscribe("nobody@example.org", NOW)
    assert (reminders().run(), reminders(NOW + timedelta(days=5)).run()) == (1, 0)
    (mail,) = mails(database)
    for entry, said in zip(entries, ("no expiry date", "expired", "deprecated"), strict=False):
        assert f"{entry.identifier}  {said}" in mail.body
    assert entries[3].identifier not in mail.body and "An endless one" in mail.body
    assert reminders(datetime(2026, 4, 1, tzinfo=UTC)).run() == 1


def test_what_a_group_keeps_to_itself_reaches_no_address(database: Database, reminders: Reminders) -> None:
    store(database, ending(5, "secret"), log="group:a")
    know(database)
    with database.write() as session:
        Choices(session).subscribe(JANE, NOW)
    assert reminders(warn="all").run() == 0
    reminders().ask(JANE)
    assert mails(database) == []


def test_asking_for_reminders_sends_one_mail_a_day_and_only_to_endorsers(
    database: Database, reminders: Reminders
) -> None:
    store(database, accepted())
    for _ in range(5):
        reminders().ask(JANE)
        reminders().ask("stranger@example.org")
        reminders().ask("no address\r\nBcc: all@example.org")
    assert [one.recipient for one in mails(database)] == [JANE]
    reminders(NOW + timedelta(days=1)).ask(JANE)
    assert len(mails(database)) == 2


def test_a_marketplace_that_sends_none_sends_none(database: Database) -> None:
    store(database, ending(5))
    know(database)
    off = ReminderService(database, Settings(), lambda: NOW)
    off.ask(JANE)
    assert (off.run(), mails(database)) == (0, [])
