"""mail and pending, each against a real database and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from marketplace.config import Settings
from marketplace.confirmation import PendingUploads
from marketplace.confirmation.pending import PendingLimits
from marketplace.confirmation.service import release
from marketplace.db import Database
from marketplace.mail import Outbox
from tests.factories.documents import image, signed
from tests.mail.server import mail_server
from validators import accept

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(data) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{data / 'marketplace.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def mails(database: Database) -> None:
    """One that waits (2), and one that is dead (1)."""
    with database.write() as session:
        outbox = Outbox(session)
        outbox.enqueue("dead@example.org", "First", "a secret body", "1", now=NOW)
        claimed = outbox.claim("x", NOW)
        assert claimed is not None
        outbox.settle_dead(claimed, "x", NOW, "550 no such user")
        outbox.enqueue("jane@example.org", "Second", "a secret body", "2", now=NOW)


def states(cli, data) -> dict[int, str]:
    return {row["id"]: row["state"] for row in cli("mail", "list", "--data", data, "-o", "json").json}


def test_the_list_tells_what_waits_and_what_is_dead_and_no_bodies(cli, data, mails):
    outcome = cli("mail", "list", "--data", data)
    assert outcome.code == 0
    text = outcome.out.decode()
    assert "550 no such user" in text and "Second" in text and "secret" not in text
    assert states(cli, data) == {1: "dead", 2: "waiting"}


def test_dead_mail_is_sent_again_or_forgotten(cli, data, mails):
    assert cli("mail", "retry", "--data", data, "1").code == 0
    assert states(cli, data) == {1: "waiting", 2: "waiting"}
    dropped = cli("mail", "drop", "--data", data, "--all")
    assert (dropped.code, "0 mails" in dropped.err) == (0, True)


def test_only_dead_mail_can_be_dropped(cli, data, mails):
    kept = cli("mail", "drop", "--data", data, "2")
    assert kept.code == 3 and "mail 2 does not exist, or is still to be sent" in kept.err
    several = cli("mail", "drop", "--data", data, "2", "3")
    assert several.code == 3 and "0 of 2 mails forgotten: the rest do not exist" in several.err
    assert cli("mail", "drop", "--data", data, "1").code == 0
    assert states(cli, data) == {2: "waiting"}
    assert cli("audit", "--data", data, "-o", "json").out.count(b"mail.drop") >= 1


@pytest.mark.parametrize(
    "arguments", [["retry"], ["drop"], ["retry", "--all", "1"], ["drop", "x"], ["retry", "0"]]
)
def test_ids_or_all_but_not_both(cli, data, arguments):
    outcome = cli("mail", *arguments, "--data", data)
    assert outcome.code == 2 and outcome.is_sentence()


def test_a_test_mail_tells_how_it_went(cli, data, monkeypatch):
    assert cli("mail", "test", "--data", data, "me@example.org").code == 2
    with mail_server() as server:
        for name, value in server.settings().items():
            monkeypatch.setenv(f"MARKETPLACE_{name.upper()}", value)
        assert cli("mail", "test", "--data", data, "me@example.org").code == 0
        assert len(server.mailbox.await_mail(1, "me@example.org")) == 1
        assert cli("mail", "test", "--data", data, "no address").code == 2
        server.mailbox.refusals["you@example.org"] = "550 unknown"
        refused = cli("mail", "test", "--data", data, "you@example.org")
        assert refused.code == 7 and "550" in refused.err and refused.is_sentence()
        server.stop()
        assert cli("mail", "test", "--data", data, "me@example.org").code == 7


def test_pending_uploads_are_listed_dropped_and_released(cli, data, database):
    entry = accept(signed(image(), created=NOW))
    limits = PendingLimits(5, 5, 5, NOW - NOW)
    with database.write() as session:
        key = PendingUploads(session).add(entry, "public", "192.0.2.1", limits, NOW).key
    (row,) = cli("pending", "list", "--data", data, "-o", "json").json
    assert (row["id"], row["state"], row["email"]) == (key, "waiting", entry.endorser.email)
    assert cli("pending", "release", "--data", data, key).code == 3
    with database.write() as session:
        PendingUploads(session).move(key, "frozen")
        assert not release(session, key + 1, Settings(), NOW)
    assert cli("pending", "release", "--data", data, key).code == 0
    assert [mail["recipient"] for mail in cli("mail", "list", "--data", data, "-o", "json").json] == [
        entry.endorser.email
    ]
    assert cli("pending", "drop", "--data", data, key).code == 0
    gone = cli("pending", "drop", "--data", data, key)
    assert gone.code == 3 and "marketplace pending list" in gone.err
    assert cli("pending", "list", "--data", data, "-o", "json").json == []
