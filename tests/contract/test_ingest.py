"""Taking entries in: each once, all or nothing, durable before the receipt, on both databases."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import ANONYMOUS
from marketplace.changes import PUBLIC, ChangeLog, LogNotFoundError
from marketplace.db import Database
from marketplace.entries.conditions import stating
from marketplace.ingest import (
    ConflictError,
    IngestResult,
    IngestService,
    LegacyRefusedError,
    OlderThanLatestError,
    Source,
    StoreUnavailableError,
    UploadPolicy,
)
from marketplace.ingest.batch import Batch
from marketplace.ingest.incoming import IncomingEntry
from marketplace.ingest.items import Page
from marketplace.models import Base, ChangeRow, Current, Entry, EntryBody, EntryLocation, EntryTag
from marketplace.rules.visibility import find_scope
from tests.factories.documents import image, signed
from tests.factories.entries import accepted, moment
from tests.factories.storing import Beside, import_entry
from tests.waiting import HANGING
from validators import accept
from validators.checksums import find_checksum
from validators.document import AcceptedEntry, Checksum, Strength
from validators.identifier import sha1_from_identifier

NOW = moment(86_400)


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    service = IngestService(database, UploadPolicy(), lambda: NOW)
    yield service
    service.close()


def upload(ingest: IngestService, entry: AcceptedEntry, log: str = PUBLIC) -> IngestResult:
    return ingest.enqueue(entry, log).result(timeout=60)


def bring(ingest: IngestService, entry: AcceptedEntry, log: str = PUBLIC) -> IngestResult:
    return ingest.enqueue(entry, log, Source.IMPORT).result(timeout=60)


def contents(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    with database.read() as session:
        return {
            name: list(session.execute(select(table).order_by(*table.primary_key)))
            for name, table in Base.metadata.tables.items()
        }


def scalar(database: Database, statement: Any) -> Any:
    with database.read() as session:
        return session.scalar(statement)


def test_an_upload_is_in_the_log_once_with_its_exact_bytes(database: Database, ingest: IngestService) -> None:
    entry = accepted(data=b"\xef\xbb\xbf<any/>\r\n\x00", locations=("http://a/", "pdisk:b"), tags=("x", "y"))
    assert upload(ingest, entry) == IngestResult(entry.coordinates, entry.entry_id, "created", 0)
    with database.read() as session:
        assert [c.entry_id for c in ChangeLog(session).page(PUBLIC, 0)] == [entry.entry_id]
        assert session.scalars(select(EntryBody.data)).all() == [entry.data]
        assert session.scalars(select(EntryTag.tag).order_by(EntryTag.position)).all() == ["x", "y"]
        assert session.scalars(select(EntryLocation.uri).order_by(EntryLocation.position)).all() == [
            "http://a/",
            "pdisk:b",
        ]


@pytest.mark.parametrize("many", [False, True])
def test_an_entry_is_found_by_each_of_its_checksums(
    database: Database, ingest: IngestService, many: bool
) -> None:
    document = signed(image(checksums=(("MD5", "AB" * 16), ("SHA-512", "cD" * 64))))
    other = signed(image(content="other", checksums=(("MD5", "00" * 16),)))
    if many:
        page = Page([accept(document), accept(other)], PUBLIC, Beside())
        ingest.enqueue_page(page).result(timeout=60)
    else:
        for one in (document, other):
            import_entry(ingest, one)
    sha1 = f"{sha1_from_identifier(accept(document).identifier):040x}"
    for asked in ("AB" * 16, "sha512:" + "cd" * 64, "SHA-512=" + "CD" * 64, sha1, sha1.upper()):
        checksum = find_checksum(asked)
        assert checksum is not None
        with database.read() as session:
            found = session.scalars(
                select(Entry.entry_id).where(Entry.id.in_(stated(session, checksum)))
            ).all()
        assert found == [accept(document).entry_id], asked
    with database.read() as session:
        assert session.scalars(stated(session, Checksum("MD5", "11" * 16))).all() == []


def stated(session: Session, checksum: Checksum) -> Any:
    return stating(checksum, find_scope(session, ANONYMOUS))


def test_the_same_bytes_again_change_nothing(database: Database, ingest: IngestService) -> None:
    first = upload(ingest, accepted())
    upload(ingest, accepted(created=moment(5)))
    before = contents(database)
    again = upload(ingest, accepted())  # older than the latest by now, and still the same answer
    assert again == dataclasses.replace(first, outcome="unchanged")
    assert contents(database) == before


def test_the_same_bytes_again_skip_the_gate(database: Database) -> None:
    entry = accepted(strength=Strength.LEGACY)
    lenient = IngestService(database, UploadPolicy(legacy="accept"), lambda: NOW)
    upload(lenient, entry)
    lenient.close()
    strict = IngestService(database, UploadPolicy(), lambda: NOW)
    assert upload(strict, entry).outcome == "unchanged"
    strict.close()


def test_a_respelled_signature_conflicts(database: Database, ingest: IngestService) -> None:
    upload(ingest, accepted())
    before = contents(database)
    with pytest.raises(ConflictError) as caught:
        upload(ingest, accepted(data=b"the same content, signed again"))
    assert caught.value.code == "conflict.coordinates"
    assert contents(database) == before


@pytest.mark.parametrize("seconds", [0, 100])
def test_another_statement_at_taken_coordinates_conflicts(
    database: Database, ingest: IngestService, seconds: int
) -> None:
    upload(ingest, accepted(title="one"))
    if seconds:
        upload(ingest, accepted(created=moment(seconds)))  # the first is superseded now
    before = contents(database)
    with pytest.raises(ConflictError):
        upload(ingest, accepted(title="two"))
    assert contents(database) == before


def test_a_refused_upload_leaves_nothing(database: Database, ingest: IngestService) -> None:
    before = contents(database)
    with pytest.raises(LegacyRefusedError):
        upload(ingest, accepted(strength=Strength.LEGACY))
    with pytest.raises(LogNotFoundError):
        upload(ingest, accepted(), "group:none")
    assert contents(database) == before


def test_an_older_upload_is_refused_and_an_older_import_is_not(ingest: IngestService) -> None:
    upload(ingest, accepted(created=moment(10)))
    with pytest.raises(OlderThanLatestError):
        upload(ingest, accepted(created=moment(9)))
    assert bring(ingest, accepted(created=moment(9))).outcome == "created"


def test_another_endorser_and_another_image_are_their_own(ingest: IngestService) -> None:
    upload(ingest, accepted(created=moment(10)))
    assert upload(ingest, accepted(email="joe@example.org", created=moment(1))).sequence == 1
    assert upload(ingest, accepted("other", created=moment(1))).sequence == 2


def test_an_import_keeps_both_of_an_equivocation(database: Database, ingest: IngestService) -> None:
    one, two = accepted(title="one"), accepted(title="two")
    assert bring(ingest, one).outcome == bring(ingest, two).outcome == "created"
    assert scalar(database, select(Current.entry_id)) == min(one.entry_id, two.entry_id)


def test_an_import_of_a_respelling_is_known_already(database: Database, ingest: IngestService) -> None:
    bring(ingest, accepted(data=b"one"))
    assert bring(ingest, accepted(data=b"two")).outcome == "unchanged"
    assert scalar(database, select(EntryBody.data)) == b"one"


def test_logs_know_nothing_of_each_other(database: Database, ingest: IngestService) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:g")
    upload(ingest, accepted(created=moment(50), data=b"private spelling"), "group:g")
    upload(ingest, accepted(created=moment(60)), "group:g")
    # Neither newer, nor the same entry with other bytes, nor its sequence shows in the public answer.
    public = upload(ingest, accepted(created=moment(50), data=b"public spelling"))
    assert (public.outcome, public.sequence) == ("created", 0)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Entry)) == 2
        served = session.scalars(
            select(EntryBody.data)
            .join(ChangeRow, ChangeRow.body_id == EntryBody.id)
            .order_by(ChangeRow.log_id)
        ).all()
    assert served[0] == b"public spelling"


def hold_writer(database: Database, ingest: IngestService) -> Callable[[], None]:
    """Keep the writer busy so that the next uploads share a transaction."""
    hold, held = threading.Event(), threading.Event()

    def on_commit() -> None:
        held.set()
        hold.wait(HANGING)

    ingest._on_commit = on_commit
    upload(ingest, accepted("first of all", email="hold@example.org"))
    assert held.wait(HANGING)
    return hold.set


def test_a_failing_upload_harms_no_other_of_its_transaction(
    database: Database, ingest: IngestService
) -> None:
    release = hold_writer(database, ingest)
    good = [ingest.enqueue(accepted(f"good {n}")) for n in range(5)]
    refused = ingest.enqueue(accepted("bad", strength=Strength.LEGACY))
    broken = ingest.enqueue(dataclasses.replace(accepted("broken"), identifier="too short"))
    more = [ingest.enqueue(accepted(f"more {n}")) for n in range(5)]
    twice = ingest.enqueue(accepted("good 0"))
    release()
    assert [f.result(60).sequence for f in good + more] == list(range(1, 11))
    assert isinstance(refused.exception(60), LegacyRefusedError)
    assert isinstance(broken.exception(60), IntegrityError)
    assert (twice.result(60).sequence, twice.result(60).outcome) == (1, "unchanged")
    with database.read() as session:
        assert [c.sequence for c in ChangeLog(session).page(PUBLIC, 0)] == list(range(11))


def test_an_upload_that_fails_half_way_leaves_nothing(
    database: Database, ingest: IngestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = hold_writer(database, ingest)
    before = contents(database)
    show = Batch._show

    def fail_for_one(batch: Batch, fresh: Sequence[IncomingEntry], listed: object) -> None:
        if any(one.row["title"] == "broken" for one in fresh):
            raise RuntimeError("half way")
        show(batch, fresh, listed)

    monkeypatch.setattr(Batch, "_show", fail_for_one)
    broken = ingest.enqueue(accepted("a", title="broken", tags=("t",), locations=("x",)))
    release()
    assert str(broken.exception(60)) == "half way"
    assert contents(database) == before
    again = [ingest.enqueue(accepted(n, title=t)) for n, t in enumerate(["good", "broken", "fine"])]
    assert [a.exception(60) is None for a in again] == [True, False, True]
    with database.read() as session:
        assert set(session.scalars(select(Entry.title))) == {None, "good", "fine"}
        assert session.scalar(select(func.count()).select_from(EntryBody)) == 3


def test_conflicts_inside_one_transaction_are_seen(database: Database, ingest: IngestService) -> None:
    release = hold_writer(database, ingest)
    first = ingest.enqueue(accepted(created=moment(10)))
    respelled = ingest.enqueue(accepted(created=moment(10), data=b"other bytes"))
    other = ingest.enqueue(accepted(created=moment(10), title="something else"))
    newer = ingest.enqueue(accepted(created=moment(20)))
    superseded = ingest.enqueue(accepted(created=moment(10), title="something else"))
    older = ingest.enqueue(accepted(created=moment(5)))
    release()
    assert first.result(60).sequence == 1
    assert newer.result(60).sequence == 2
    for answer in (respelled, other, superseded):
        assert isinstance(answer.exception(60), ConflictError)
    assert isinstance(older.exception(60), OlderThanLatestError)


def test_waiting_uploads_share_a_commit(database: Database, ingest: IngestService) -> None:
    release = hold_writer(database, ingest)
    commits = 0

    def count() -> None:
        nonlocal commits
        commits += 1

    answers = [ingest.enqueue(accepted(n)) for n in range(40)]
    ingest._on_commit = count
    release()
    assert sorted(f.result(60).sequence for f in answers) == list(range(1, 41))
    ingest.close()
    assert commits == 1


def test_a_database_in_trouble_is_reported_and_survived(database: Database, ingest: IngestService) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE entry_body RENAME TO away")
    with pytest.raises(StoreUnavailableError) as caught:
        upload(ingest, accepted())
    assert caught.value.code == "store.unavailable"
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO entry_body")
    assert upload(ingest, accepted()).sequence == 0


def test_close_stores_what_waits_and_refuses_what_comes_later(
    database: Database, ingest: IngestService
) -> None:
    release = hold_writer(database, ingest)
    answers = [ingest.enqueue(accepted(n)) for n in range(20)]
    release()
    ingest.close()
    assert all(answer.done() for answer in answers)
    with pytest.raises(StoreUnavailableError):
        ingest.enqueue(accepted("late"))
    ingest.close()


def test_several_processes_agree(database_url: str) -> None:
    """Services that share nothing but the database: every entry once, nothing older after something newer."""
    with ExitStack() as opened:
        databases = [opened.enter_context(closing(Database.open(database_url))) for _ in range(4)]
        check_several_processes(databases)


def check_several_processes(databases: list[Database]) -> None:
    services = [IngestService(d, UploadPolicy(), lambda: NOW) for d in databases]
    work = [accepted(n % 5, created=moment(n)) for n in range(60)]

    def submit(service: IngestService) -> list[str]:
        outcomes = []
        for entry in work:
            error = service.enqueue(entry).exception(60)
            outcomes.append("created" if error is None else type(error).__name__)
        return outcomes

    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(submit, services))
    finally:
        for service in services:
            service.close()
    assert {outcome for answer in answers for outcome in answer} <= {"created", "OlderThanLatestError"}
    with databases[0].read() as session:
        log = ChangeLog(session).page(PUBLIC, 0)
        assert [c.sequence for c in log] == list(range(len(log)))
        stored = session.execute(
            select(Entry.identifier, Entry.created)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .order_by(ChangeRow.sequence)
        ).all()
        shown = dict(session.execute(select(Current.identifier, Current.created)).tuples().all())
    for named in {row.identifier for row in stored}:
        times = [row.created for row in stored if row.identifier == named]
        assert times == sorted(times)
        assert shown[named] == times[-1]


def test_accepted_at_is_the_time_of_the_upload(database: Database, ingest: IngestService) -> None:
    upload(ingest, accepted(created=NOW - timedelta(hours=3)))
    with database.read() as session:
        assert [c.accepted_at for c in ChangeLog(session).page(PUBLIC, 0)] == [NOW]
