"""Sending: each kind of connection, and what a server can do to a mail."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketplace.config import Settings
from marketplace.config.mail import MailSettings
from marketplace.config.sections import SiteSettings
from marketplace.db import Database
from marketplace.mail import LINK, Letter, LinkPurpose, MailWorker, Outbox, OutgoingState
from marketplace.mail.smtp import _own_name
from tests.mail.server import MailServer, mail_server, make_certificate

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SITE = SiteSettings(url="https://mp.example.org/base", title="Example, Marketplace")


@dataclasses.dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def settings_of(server: MailServer, **more: str) -> MailSettings:
    given = server.settings(**{f"mail_{name}": value for name, value in more.items()})
    return Settings.from_mapping({name.replace("_", ".", 1): value for name, value in given.items()}).mail


@pytest.fixture
def clock() -> Clock:
    return Clock()


Workers = Callable[..., MailWorker]


@pytest.fixture
def worker_for(database: Database, clock: Clock) -> Workers:
    """Makes workers on the test's database that wait for nobody between two tries."""

    def make(settings: MailSettings) -> MailWorker:
        worker = MailWorker(database, settings, SITE, threading.Event(), now=clock)
        worker._pause_seconds = lambda: 0.0
        return worker

    return make


def owe(database: Database, key: str = "one", to: str = "jane@example.org", body: str = "Hello\n") -> bool:
    with database.write() as session:
        return Outbox(session).enqueue(to, "Über images", body, key, now=START)


def outgoing(database: Database, *states: str) -> list[OutgoingState]:
    with database.read() as session:
        return list(Outbox(session).list(states or ("waiting", "dead", "sent")))


def test_a_mail_arrives_once_as_it_was_written(
    database: Database, smtp: MailServer, worker_for: Workers
) -> None:
    assert owe(database, body="Grüße,\n.\n..\nFrom here\n" + "long " * 400 + "\n")
    worker = worker_for(settings_of(smtp))
    assert (worker.deliver(), worker.deliver()) == (1, 0)
    (got,) = smtp.mailbox.received
    assert (got.sender, got.recipient) == ("marketplace@example.org", "jane@example.org")
    assert got.text.splitlines() == ["Grüße,", ".", "..", "From here", "long " * 400]
    assert got.message["Subject"] == "Über images"
    assert got.message["From"].addresses[0].display_name == "Example, Marketplace"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert [one.state for one in outgoing(database)] == ["sent"]
    assert worker.health.state == "ok"


def test_the_second_mail_of_an_occasion_is_not_taken_in(database: Database) -> None:
    assert (owe(database), owe(database), owe(database, "two")) == (True, False, True)
    assert len(outgoing(database)) == 2


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_encrypted_connection_with_an_account(
    database: Database, worker_for: Workers, tmp_path: Path, security: str
) -> None:
    certificate = make_certificate(tmp_path)
    (tmp_path / "password").write_text("s3cret\n", encoding="utf-8")
    with mail_server(security, certificate, ("mp", "s3cret")) as server:
        settings = settings_of(
            server,
            security=security,
            ca_file=str(certificate[0]),
            user="mp",
            password_file=str(tmp_path / "password"),
        )
        owe(database)
        assert worker_for(settings).deliver() == 1
        assert (server.mailbox.logins, server.mailbox.encrypted) == (["mp"], [True])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_whose_certificate_nobody_knows_gets_neither_password_nor_mail(
    database: Database, worker_for: Workers, tmp_path: Path, security: str
) -> None:
    with mail_server(security, make_certificate(tmp_path), ("mp", "x")) as server:
        worker = worker_for(settings_of(server, security=security, user="mp", password="x"))
        owe(database)
        assert worker.deliver() == 0
        assert "not trusted" in (worker.health.reason or "")
        assert (server.mailbox.logins, server.mailbox.received) == ([], [])
        assert [one.state for one in outgoing(database)] == ["waiting"]


def test_a_server_without_starttls_gets_nothing(
    database: Database, smtp: MailServer, worker_for: Workers
) -> None:
    worker = worker_for(settings_of(smtp, security="starttls"))
    owe(database)
    assert (worker.deliver(), worker.health.state, smtp.mailbox.received) == (0, "failing", [])


def test_a_wrong_password_costs_no_mail(database: Database, worker_for: Workers, clock: Clock) -> None:
    with mail_server(account=("mp", "right")) as server:
        owe(database)
        wrong = worker_for(settings_of(server, user="mp", password="wrong"))
        assert wrong.deliver() == 0
        assert "535" in (wrong.health.reason or "")
        assert worker_for(settings_of(server, user="mp", password="right")).deliver() == 1


def test_a_password_that_smtp_cannot_carry_is_not_shown(database: Database, worker_for: Workers) -> None:
    with mail_server(account=("mp", "right")) as server:
        owe(database)
        worker = worker_for(settings_of(server, user="mp", password="paßword"))
        worker.deliver()
        assert worker.health.state == "failing" and "ß" not in (worker.health.reason or "")


def test_mail_waits_for_a_server_that_is_down(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    worker = worker_for(settings_of(smtp))
    owe(database)
    smtp.stop()
    assert (worker.deliver(), worker.health.state) == (0, "failing")
    assert [one.attempts for one in outgoing(database, "waiting")] == [0]
    smtp.start()
    assert (worker.deliver(), worker.health.state) == (1, "ok")


def test_a_recipient_that_is_refused_for_ever_is_dead_and_stops_nobody(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.mailbox.refusals["nobody@example.org"] = "550 5.1.1 no such user\x07"
    owe(database, "dead", "nobody@example.org")
    owe(database, "good")
    worker = worker_for(settings_of(smtp))
    assert worker.deliver() == 1
    (dead,) = outgoing(database, "dead")
    assert (dead.recipient, dead.attempts) == ("nobody@example.org", 1)
    assert dead.last_error is not None and "550" in dead.last_error and dead.last_error.isprintable()
    # The operator mends the address's server and sends it again.
    smtp.mailbox.refusals.clear()
    with database.write() as session:
        assert Outbox(session).retry([dead.key], clock()) == 1
    assert worker.deliver() == 1


def test_a_temporary_refusal_is_tried_later_and_later_and_given_up(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.mailbox.refusals["jane@example.org"] = "451 4.7.1 greylisted"
    owe(database)
    worker = worker_for(settings_of(smtp, retry_seconds="60", give_up_hours="1"))
    waits = []
    while outgoing(database, "waiting"):
        worker.deliver()
        for one in outgoing(database, "waiting"):
            waits.append((one.due_at - clock()).total_seconds())
            assert worker.deliver() == 0  # not before its time
            clock.now = one.due_at
    assert waits == [60, 120, 240, 480, 960, 1920]
    assert [one.attempts for one in outgoing(database, "dead")] == [7]


def test_a_clock_that_jumps_ahead_gives_no_mail_up(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.mailbox.refusals["jane@example.org"] = "451 4.7.1 greylisted"
    owe(database)
    worker = worker_for(settings_of(smtp, retry_seconds="60"))
    worker.deliver()
    clock.advance(days=400)
    worker.deliver()
    (waiting,) = outgoing(database, "waiting")
    assert waiting.attempts == 2


def test_mail_that_no_server_was_ever_there_for_is_given_up_too(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.stop()
    owe(database)
    worker = worker_for(settings_of(smtp, give_up_hours="1"))
    clock.advance(minutes=59)
    worker.deliver()
    assert len(outgoing(database, "waiting")) == 1
    clock.advance(minutes=2)
    worker.deliver()
    (dead,) = outgoing(database, "dead")
    assert "refused" in (dead.last_error or "").lower()
    with database.write() as session:
        assert Outbox(session).drop(None) == 1
    assert outgoing(database) == []


def test_a_server_that_refuses_the_site_itself_kills_no_mail(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.mailbox.sender_refusal = "550 5.7.1 not from you"
    owe(database)
    worker = worker_for(settings_of(smtp))
    assert worker.deliver() == 0
    assert "not from you" in (worker.health.reason or "")
    smtp.mailbox.sender_refusal = None
    clock.advance(minutes=1)
    assert worker.deliver() == 1


def test_a_connection_cut_behind_the_content_leads_to_the_same_message_again(
    database: Database, smtp: MailServer, worker_for: Workers, clock: Clock
) -> None:
    smtp.mailbox.drops = 2
    owe(database)
    worker = worker_for(settings_of(smtp))
    for _ in range(2):
        assert worker.deliver() == 0
        clock.advance(minutes=1)
    assert worker.deliver() == 1
    (got,) = smtp.mailbox.received
    assert got.message["Message-ID"].endswith("@example.org>")


@pytest.mark.parametrize("reply", ["554 5.7.1 spam", "552 too large"])
def test_content_that_is_refused_for_ever_is_dead(
    database: Database, smtp: MailServer, worker_for: Workers, reply: str
) -> None:
    smtp.mailbox.after_data = reply
    owe(database)
    worker_for(settings_of(smtp)).deliver()
    assert [one.state for one in outgoing(database)] == ["dead"]


def test_mail_about_an_upload_that_is_gone_goes_to_nobody(
    database: Database, smtp: MailServer, worker_for: Workers
) -> None:
    letter = Letter("jane@example.org", "Subject", LINK, "gone", link=LinkPurpose.UPLOAD, pending_id=None)
    with database.write() as session:
        Outbox(session).post(letter, START)
    assert worker_for(settings_of(smtp)).deliver() == 0
    assert (smtp.mailbox.received, outgoing(database)) == ([], [])


@pytest.mark.parametrize(
    ("host", "name"),
    [("mp.example.org", "mp.example.org"), ("127.0.0.1", "[127.0.0.1]"), ("::1", "[IPv6:::1]")],
)
def test_how_this_client_calls_itself(host: str, name: str) -> None:
    assert _own_name(host) == name


def test_without_a_server_mail_waits_and_says_so(database: Database, worker_for: Workers) -> None:
    worker = worker_for(MailSettings())
    owe(database)
    assert (worker.deliver(), worker.health.state) == (0, "off")
    assert len(outgoing(database, "waiting")) == 1


def test_the_thread_sends_what_is_owed_and_outlives_failing_chores(
    database: Database, smtp: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    from marketplace.mail import Chore

    def fail() -> None:
        raise RuntimeError("a chore that fails")

    wake = threading.Event()
    worker = MailWorker(database, settings_of(smtp), SITE, wake, chores=[Chore("failing", 0.1, fail)])
    with caplog.at_level(logging.ERROR):
        worker.start()
        try:
            with database.write() as session:
                Outbox(session).enqueue("jane@example.org", "Subject", "Body\n", "threaded")
            wake.set()
            smtp.mailbox.await_mail()
        finally:
            worker.stop()
    assert "a chore that fails" in caplog.text
