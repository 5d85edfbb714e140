"""The outbox: nothing injected, nobody's mail twice, nothing left behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from marketplace.db import Database
from marketplace.mail import LINK, Letter, LetterError, LinkPurpose, Outbox, one_line
from marketplace.mail.letter import compose
from marketplace.mail.links import Links
from marketplace.mail.outbox import KEPT, LEASE
from marketplace.models import MailLink, OutgoingMail
from tests.waiting import HANGING

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "to",
    [
        "",
        "jane",
        "jane@example.org\r\nBcc: all@example.org",
        "jane@example.org\n",
        "jane@example.org, joe@example.org",
        "Jane <jane@example.org>",
        "jane@example.org>",
        "jane @example.org",
        "jané@example.org",
        f"{'x' * 250}@example.org",
    ],
)
def test_what_is_no_single_address_gets_no_mail(database: Database, to: str) -> None:
    with database.write() as session, pytest.raises(LetterError):
        Outbox(session).enqueue(to, "Subject", "Body", "key")


@pytest.mark.parametrize(
    "subject", ["", "two\nlines", "x\r\nBcc: all@example.org", "tab\t", "nul\0", "x" * 201]
)
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(LetterError):
        Letter("jane@example.org", subject, "Body", "key")


@pytest.mark.parametrize(
    "body", ["nul\0", "return\r\n.\r\nMAIL FROM:<x@y>", "\x1b[2J", f"unasked link {LINK}"]
)
def test_a_body_is_printable_lines(body: str) -> None:
    with pytest.raises(LetterError):
        Letter("jane@example.org", "Subject", body, "key")


@given(st.text(max_size=300))
def test_any_text_becomes_one_line_that_a_letter_takes(text: str) -> None:
    line = one_line(text)
    letter = Letter("jane@example.org", f"About {line}"[:200], line, "key")
    written = compose(letter, letter.body, "mp@example.org", text, NOW).as_bytes()
    head = written.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert set(names) == {
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted",
        b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version",
    }  # fmt: skip


def test_workers_that_claim_at_once_get_different_mail(database: Database) -> None:
    with database.write() as session:
        for n in range(40):
            Outbox(session).enqueue("jane@example.org", "Subject", "Body", f"key {n}", now=NOW)
    start = threading.Barrier(4)

    def claim_all(worker: str) -> list[int]:
        start.wait(HANGING)
        claimed = []
        while True:
            with database.write() as session:
                one = Outbox(session).claim(worker, NOW)
            if one is None:
                return claimed
            claimed.append(one.key)

    with ThreadPoolExecutor(4) as pool:
        claims = [key for keys in pool.map(claim_all, ["a", "b", "c", "d"]) for key in keys]
    assert len(claims) == len(set(claims)) == 40


def test_a_silent_worker_loses_its_mail_and_its_say(database: Database) -> None:
    with database.write() as session:
        Outbox(session).enqueue("jane@example.org", "Subject", "Body", "key", now=NOW)
        first = Outbox(session).claim("a", NOW)
    assert first is not None
    late = NOW + LEASE
    with database.write() as session:
        assert Outbox(session).claim("b", late - timedelta(seconds=1)) is None
        second = Outbox(session).claim("b", late)
        assert second is not None and second.letter == first.letter
    with database.write() as session:
        Outbox(session).settle_dead(first, "a", late, "too late to say so")
        assert [one.state for one in Outbox(session).list()] == ["waiting"]
        Outbox(session).settle_sent(second, "b", late)
        assert [one.state for one in Outbox(session).list(["sent"])] == ["sent"]


def test_who_takes_the_work_over_sends_at_once_what_was_claimed(database: Database) -> None:
    with database.write() as session:
        Outbox(session).enqueue("jane@example.org", "Subject", "Body", "key", now=NOW)
        first = Outbox(session).claim("a", NOW)
        assert first is not None and Outbox(session).claim("b", NOW) is None
        assert Outbox(session).take_over() == 1
        second = Outbox(session).claim("b", NOW)
        assert second is not None and second.key == first.key
        Outbox(session).settle_dead(first, "a", NOW, "too late to say so")
        assert [one.state for one in Outbox(session).list()] == ["waiting"]


def test_a_sent_mail_keeps_its_key_and_loses_its_body(database: Database) -> None:
    with database.write() as session:
        outbox = Outbox(session)
        outbox.enqueue("jane@example.org", "Subject", "confidential", "key", now=NOW)
        claimed = outbox.claim("a", NOW)
        assert claimed is not None
        outbox.settle_sent(claimed, "a", NOW)
    with database.write() as session:
        assert session.scalars(select(OutgoingMail.body)).all() == [""]
        assert not Outbox(session).enqueue("jane@example.org", "Subject", "Body", "key", now=NOW)
        Outbox(session).forget_old(NOW + KEPT + timedelta(seconds=1))
        assert session.scalars(select(OutgoingMail.id)).all() == []


def test_the_secret_of_a_link_is_made_when_it_is_sent_and_never_stored(database: Database) -> None:
    letter = Letter("jane@example.org", "Subject", f"see {LINK}/stop", "key", link=LinkPurpose.STOP)
    with database.write() as session:
        Outbox(session).post(letter, NOW)
        assert session.scalars(select(MailLink.digest)).all() == []
        claimed = Outbox(session).claim("a", NOW)
    assert claimed is not None and claimed.secret is not None
    assert (
        claimed.body("https://mp.example.org") == f"see https://mp.example.org/action/{claimed.secret}/stop"
    )
    with database.read() as session:
        stored = [
            tuple(row)
            for table in (MailLink, OutgoingMail)
            for row in session.execute(select(table.__table__))
        ]
        assert claimed.secret not in repr(stored) and claimed.secret.replace("-", "") not in repr(stored)
        found = Links(session).find(claimed.secret, NOW)
        assert found is not None and (found.purpose, found.address) == (LinkPurpose.STOP, "jane@example.org")
        for other in (claimed.secret.upper(), claimed.secret[:-1], "x", "", f"{claimed.secret}\n"):
            assert Links(session).find(other, NOW) is None
        assert Links(session).find(claimed.secret, NOW + timedelta(days=401)) is None


def test_figures_for_everybody_leave_out_what_tells_of_groups(database: Database) -> None:
    with database.write() as session:
        outbox = Outbox(session)
        outbox.post(Letter("jane@example.org", "Subject", "Body", "private", "group:a"), NOW)
        outbox.post(Letter("jane@example.org", "Subject", "Body", "public"), NOW + timedelta(hours=1))
        counts = outbox.counts()
        assert (counts.waiting, counts.dead, counts.oldest) == (1, 0, NOW + timedelta(hours=1))
        assert outbox.counts(None).waiting == 2
