"""Uploads that wait: on both databases, in several threads, and with things that go wrong between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from marketplace.audit import AuditLog
from marketplace.changes import PUBLIC, ChangeLog, LogNotFoundError
from marketplace.config import Settings, TrustSettings
from marketplace.confirmation import (
    AwaitedConfirmation,
    BeingConfirmedError,
    CertificateFrozenError,
    ConfirmationService,
    Confirmed,
    LinkUnknownError,
    PendingUploads,
    TooManyPendingError,
)
from marketplace.confirmation.pending import mailbox_of
from marketplace.confirmation.service import release
from marketplace.db import Database
from marketplace.ingest import ConflictError, IngestResult, IngestService, StoreUnavailableError, UploadPolicy
from marketplace.mail import Outbox
from marketplace.models import Entry, MailLink, OutgoingMail, PendingUpload
from marketplace.trust import TrustService, open_store
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_ca, make_identity
from tests.mail.test_delivery import Clock
from tests.waiting import HANGING
from validators.errors import RefusedError
from validators.parser import parse_nodes

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = {
    "upload.confirm_email": "true",
    "upload.confirm_days": "7",
    "upload.pending_per_client": "3",
    "upload.pending_per_address": "5",
    "upload.pending_limit": "8",
    "mail.host": "127.0.0.1",
    "mail.sender": "mp@example.org",
    "mail.admin": "a@example.org, b@example.org",
}


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def ingest(database: Database, clock: Clock) -> Iterator[IngestService]:
    service = IngestService(database, UploadPolicy(), clock)
    yield service
    service.close()


Make = Callable[..., ConfirmationService]


@pytest.fixture
def make(database: Database, ingest: IngestService, clock: Clock) -> Make:
    """Makes the service, as each process has one."""

    def make(trust: TrustSettings | None = None, **more: Any) -> ConfirmationService:
        service = TrustService(open_store(trust or TrustSettings()))
        return ConfirmationService(database, ingest, service, Settings.from_mapping(SETTINGS), clock, **more)

    return make


@pytest.fixture
def service(make: Make) -> ConfirmationService:
    return make()


def person(name: str = "ann", **more: Any) -> Identity:
    return make_identity(name, f"{name}@example.org", **more)


def document(identity: Identity | None = None, content: str = "image", minutes: float = -5) -> bytes:
    return signed(image(content=content), identity or person(), START + timedelta(minutes=minutes))


def secrets(database: Database, clock: Clock) -> list[str]:
    """The secrets of the mails that wait, in order, as a sending worker gets them."""
    found = []
    with database.write() as session:
        while (claimed := Outbox(session).claim("test", clock())) is not None:
            Outbox(session).settle_sent(claimed, "test", clock())
            if claimed.secret is not None:
                found.append(claimed.secret)
    return found


def count(database: Database, model: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_an_upload_is_accepted_once_whatever_becomes_of_it(
    service: ConfirmationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []

    def counting(data: bytes) -> Any:
        parsed.append(data)
        return parse_nodes(data)

    monkeypatch.setattr("validators.pipeline.parse_nodes", counting)
    waits = document()
    assert isinstance(service.submit(waits), AwaitedConfirmation)
    with pytest.raises(RefusedError):
        service.submit(b"<refused/>")
    assert parsed == [waits, b"<refused/>"]


def test_confirmed_once_however_often_and_from_how_many_sides(
    database: Database, service: ConfirmationService, clock: Clock
) -> None:
    held = service.submit(document())
    assert held == AwaitedConfirmation("ann@example.org", START + timedelta(days=7))
    (secret,) = secrets(database, clock)
    start = threading.Barrier(4)

    def confirm(n: int) -> Confirmed | None:
        start.wait(HANGING)
        try:
            return service.confirm(secret)
        except LinkUnknownError:
            return None

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(pool.map(confirm, range(4)))
    assert Confirmed("ann@example.org", None) in outcomes
    assert outcomes <= {Confirmed("ann@example.org", None), None}
    with database.read() as session:
        assert ChangeLog(session).size(PUBLIC) == 1
    assert (count(database, PendingUpload), count(database, MailLink)) == (0, 0)


def test_a_power_cut_between_log_and_list_leaves_a_good_link(
    database: Database, service: ConfirmationService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.submit(document())
    (secret,) = secrets(database, clock)
    with monkeypatch.context() as broken:

        def cut(self: PendingUploads, key: int) -> None:
            raise RuntimeError("the power is cut here")

        broken.setattr(PendingUploads, "remove", cut)
        with pytest.raises(RuntimeError):
            service.confirm(secret)
    for too_late in (service.abort, service.report):
        with pytest.raises(BeingConfirmedError):
            too_late(secret)
    assert service.confirm(secret) == Confirmed("ann@example.org", None)
    assert count(database, Entry) == 1


def test_a_store_that_takes_nothing_costs_no_link(
    database: Database, service: ConfirmationService, ingest: IngestService, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    service.submit(document())
    (secret,) = secrets(database, clock)
    with monkeypatch.context() as broken:

        def full(data: bytes, log: str) -> IngestResult:
            raise StoreUnavailableError("the disk is full")

        broken.setattr(ingest, "submit", full)
        with pytest.raises(StoreUnavailableError):
            service.confirm(secret)
    assert service.confirm(secret).refusal is None


def test_the_gate_is_asked_again(database: Database, service: ConfirmationService, clock: Clock) -> None:
    service.submit(document(minutes=-9))
    service.submit(document(minutes=-5))
    older, newer = secrets(database, clock)
    assert service.confirm(newer).refusal is None
    assert service.confirm(older).refusal == "gate.older-than-latest"
    with pytest.raises(LinkUnknownError):
        service.confirm(older)


def test_a_certificate_that_ends_while_the_upload_waits_does_not_come_in(
    database: Database, service: ConfirmationService, clock: Clock
) -> None:
    service.submit(document(person(not_after=START + timedelta(hours=1))))
    (secret,) = secrets(database, clock)
    clock.advance(hours=2)
    assert service.confirm(secret).refusal == "gate.certificate-expired"
    assert count(database, Entry) == 0


def test_time_alone_lets_nothing_past_the_question(
    service: ConfirmationService, ingest: IngestService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was too far ahead when it was judged must not come in because a second has passed since."""
    asked: list[bytes] = []
    monkeypatch.setattr(ingest, "submit", lambda data, log: asked.append(data))
    with pytest.raises(Exception, match="ahead of this site's"):
        service.submit(document(minutes=5.02))
    assert asked == []


def test_what_nobody_confirms_is_forgotten_with_its_mail_and_links(
    database: Database, service: ConfirmationService, clock: Clock
) -> None:
    service.submit(document(content="mailed"))
    (secret,) = secrets(database, clock)
    service.submit(document(content="not mailed yet"))
    clock.advance(days=6.9)
    service.expire()
    assert service.find(secret)[0].state == "waiting"
    clock.advance(days=0.1)
    with pytest.raises(LinkUnknownError):
        service.confirm(secret)
    service.expire()
    assert (count(database, PendingUpload), count(database, MailLink)) == (0, 0)
    with database.write() as session:
        claimed = Outbox(session).claim("worker", clock())
        # The mail of an upload that is gone carries no link, and the worker sends it to nobody.
        assert claimed is not None and claimed.secret is None


def test_so_many_wait_for_one_mailbox_and_so_many_in_all(service: ConfirmationService) -> None:
    documents = [document(person(), f"image {n}") for n in range(3)]
    for data in documents:
        service.submit(data)
    with pytest.raises(TooManyPendingError):
        service.submit(document(make_identity("mallory", "a.n.n+x@example.org"), "bomb"))
    service.submit(documents[0])  # it waits already
    for n in range(5):
        service.submit(document(person(f"p{n}"), "image"))
    with pytest.raises(TooManyPendingError):
        service.submit(document(person("p9"), "image"))


def test_who_claims_an_address_leaves_room_for_its_owner(
    database: Database, service: ConfirmationService
) -> None:
    def claim(n: int, client: str) -> None:
        attacker = make_identity(f"mallory {n}", "ann@example.org")
        service.submit(document(attacker, f"bomb {n}"), client=client)

    for n in range(3):
        claim(n, f"2001:db8::{n}")
    with pytest.raises(TooManyPendingError):
        claim(3, "2001:db8::ffff")  # the same /64 network
    assert isinstance(service.submit(document(), client="192.0.2.1"), AwaitedConfirmation)
    claim(4, "192.0.2.2")
    with pytest.raises(TooManyPendingError):
        claim(5, "192.0.2.3")  # nobody is sent more than that
    assert (count(database, PendingUpload), count(database, OutgoingMail)) == (5, 5)


def test_what_was_reported_takes_nobody_room(
    database: Database, service: ConfirmationService, clock: Clock
) -> None:
    for n in range(3):
        service.submit(document(make_identity(f"mallory {n}", "ann@example.org"), f"bomb {n}"))
    for secret in secrets(database, clock):
        service.report(secret)
    assert isinstance(service.submit(document()), AwaitedConfirmation)


def test_the_limit_holds_for_uploads_that_arrive_together(database: Database, make: Make) -> None:
    services = [make() for _ in range(3)]
    documents = [document(person(), f"image {n}") for n in range(12)]
    start = threading.Barrier(6)

    def upload(n: int) -> int:
        start.wait(HANGING)
        good = 0
        for data in documents[n::6]:
            try:
                services[n % 3].submit(data)
                good += 1
            except TooManyPendingError:
                pass
        return good

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(upload, range(6))) == 3
    assert (count(database, PendingUpload), count(database, OutgoingMail)) == (3, 3)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jane@Example.org", "jane@example.org", True),
        ("jane+list@example.org", "jane@example.org", True),
        ("j.a.n.e@example.org", "jane@example.org", True),
        ("jane@example.org", "jane@other.org", False),
        ("jane@example.org", "joan@example.org", False),
        ("+@example.org", "+x@example.org", True),
    ],
)
def test_spellings_of_a_mailbox(one: str, other: str, same: bool) -> None:
    assert (mailbox_of(one) == mailbox_of(other)) is same


def test_abuse_freezes_until_the_operator_decides(
    database: Database, service: ConfirmationService, clock: Clock
) -> None:
    service.submit(document(content="forged"))
    (secret,) = secrets(database, clock)
    service.report(secret)
    with database.read() as session:
        told = session.scalars(select(OutgoingMail).where(OutgoingMail.subject.contains("Abuse"))).all()
        assert sorted(one.recipient for one in told) == ["a@example.org", "b@example.org"]
        assert AuditLog(session).page(limit=5)
    with pytest.raises(CertificateFrozenError):
        service.submit(document(content="another"))
    clock.advance(days=30)
    service.expire()
    with database.read() as session:
        (frozen,) = PendingUploads(session).list()
    settings = Settings.from_mapping(SETTINGS)
    with database.write() as session:
        assert release(session, frozen.key, settings, clock())
        assert not release(session, frozen.key, settings, clock())
    (again,) = secrets(database, clock)
    assert service.confirm(again).refusal is None


def test_the_number_of_an_upload_never_comes_to_mean_another_one(
    database: Database, service: ConfirmationService
) -> None:
    seen = set()
    for turn in range(3):
        service.submit(document(content=f"image {turn}"))
        with database.write() as session:
            (waiting,) = PendingUploads(session).list()
            assert PendingUploads(session).drop([waiting.key]) == 1
        seen.add(waiting.key)
    assert len(seen) == 3


def test_other_bytes_of_an_entry_that_waits_are_a_conflict(service: ConfirmationService) -> None:
    data = document()
    service.submit(data)
    with pytest.raises(ConflictError):
        service.submit(data + b"<!-- respelled -->\n")


def test_allow_listed_endorsers_are_not_asked(make: Make, tmp_path: Path) -> None:
    authority = make_ca("Mail CA")
    listed = make_identity("Lisa Listed", "lisa@example.org", issuer=authority)
    unlisted = make_identity("Uwe Unlisted", "uwe@example.org", issuer=authority)
    pretender = make_identity("Lisa Listed", "lisa@example.org", variant=7)
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    (tmp_path / "allowed").write_text("/C=EU/O=Demo Project/CN=Lisa Listed\n")
    service = make(TrustSettings(anchors=(str(tmp_path / "ca.pem"),), allowlist=tmp_path / "allowed"))
    assert isinstance(service.submit(document(listed)), IngestResult)
    assert isinstance(service.submit(document(unlisted)), AwaitedConfirmation)
    # The name alone proves nothing.
    assert isinstance(service.submit(document(pretender, "pretended")), AwaitedConfirmation)


def test_uploads_of_groups_wait_apart_and_are_told_to_nobody(
    database: Database, make: Make, clock: Clock
) -> None:
    outcomes: list[tuple[str, str]] = []
    service = make(on_outcome=lambda outcome, code: outcomes.append((outcome, code)))
    with database.write() as session:
        ChangeLog(session).create("group:a")
    for n in range(3):
        assert isinstance(service.submit(document(content=f"private {n}"), "group:a"), AwaitedConfirmation)
    with pytest.raises(TooManyPendingError):
        service.submit(document(content="private 3"), "group:a")
    # Nothing that an outsider meets has changed: neither room nor figures.
    with database.read() as session:
        assert Outbox(session).counts().waiting == 0
    assert outcomes == []
    for n in range(3):
        assert isinstance(service.submit(document(content=f"public {n}")), AwaitedConfirmation)
    assert outcomes == [("held", "")] * 3
    private = secrets(database, clock)[0]
    assert service.confirm(private).refusal is None
    with database.read() as session:
        assert (ChangeLog(session).size("group:a"), ChangeLog(session).size(PUBLIC)) == (1, 0)


def test_a_group_that_is_not_there_is_told_at_once(service: ConfirmationService) -> None:
    with pytest.raises(LogNotFoundError):
        service.submit(document(), "group:none")
