"""Erasing what an entry says: what goes, what stays, and what never comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from marketplace.access import ANONYMOUS
from marketplace.archive import ExportService
from marketplace.audit import AuditLog
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.confirmation import PendingUploads
from marketplace.confirmation.pending import PendingLimits
from marketplace.db import Database
from marketplace.entries import EntryQuery, ListCaches, StatusFilter, VisibleEntries
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import create_keys
from marketplace.federation.published_logs import PublishedLogs
from marketplace.fsck import FsckService
from marketplace.ingest import ErasedError, IngestResult, IngestService, Page, Source, UploadPolicy
from marketplace.ingest.dry_run import dry_run_upload
from marketplace.ingest.erasing import ErasingService, ReasonError, UnknownEntryError
from marketplace.models import Certificate, Entry, EntryBody, EntryChecksum, EntryTag, Erasure, Twin
from marketplace.tlog.tiles import TileName
from tests.factories.alterations import mirrored
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_ca, make_identity
from tests.factories.storing import Beside, import_entry
from validators import accept, examine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JANE, BOB = make_identity("Jane Roe", "jane@example.org"), make_identity("Bob", "bob@elsewhere.example")
OLD = signed(image(content="erased", title="old", tags=("lts",)), JANE, "2024-05-01T12:00:00Z")
LAST = signed(
    image(content="erased", title="secret", tags=("lts",), checksums=(("MD5", "5ec2e7" + "0" * 26),)),
    JANE,
    "2024-05-03T12:00:00Z",
)
BETWEEN = signed(image(content="erased", title="between"), JANE, "2024-05-02T12:00:00Z")
LATER = signed(image(content="erased", title="later"), JANE, "2024-05-04T12:00:00Z")
OTHER = signed(image(content="erased", title="other"), BOB)


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    with closing(IngestService(database, UploadPolicy(), lambda: NOW)) as service:
        yield service


def erase(database: Database, *documents: bytes) -> None:
    for document in documents:
        service = ErasingService(database, lambda: NOW)
        assert service.erase(accept(document).entry_id, "asked by its author", "cli:me")


def titles(database: Database) -> set[str | None]:
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        return {row.title for row in visible.list(EntryQuery(now=NOW, status=StatusFilter.ALL)).rows}


def test_nothing_of_what_it_said_stays_and_the_store_is_whole(
    database: Database, ingest: IngestService
) -> None:
    for document in (LAST, OTHER):
        import_entry(ingest, document)
    place = accept(LAST).coordinates
    erase(database, LAST)
    assert titles(database) == {"other"}
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        assert visible.find_preferred(place) is None
        erased = visible.find_erased(place)
        assert erased is not None and erased.reason == "asked by its author"
        assert visible.endorser("jane@example.org") is None
        assert session.scalars(select(EntryTag.tag)).all() == []
        assert session.scalars(select(EntryChecksum.value)).all() == []
        assert b"" in session.scalars(select(EntryBody.data)).all()
        said = [getattr(row, column.name) for row in session.scalars(select(Entry))
                for column in Entry.__table__.columns]  # fmt: skip
        assert not any("jane" in str(value).lower() or "secret" in str(value) for value in said)
        assert {one.email for one in session.scalars(select(Certificate))} == {None, "bob@elsewhere.example"}
        (act,) = AuditLog(session).page(action="entry.erase")
        assert (act.actor, act.subject) == ("cli:me", accept(LAST).entry_id)
        assert ChangeLog(session).size(PUBLIC) == 2
    assert list(FsckService(database).run()) == []


def test_fsck_sees_what_was_not_erased(database: Database, ingest: IngestService) -> None:
    import_entry(ingest, LAST)
    erase(database, LAST)
    with database.write() as session:
        session.scalars(select(EntryBody)).one().data = LAST
        session.scalars(select(Entry)).one().title = "secret"
    assert [one.code for one in FsckService(database).run()] == ["body.not-erased", "entry.not-erased"]


def test_it_does_not_come_back_by_any_way(database: Database, ingest: IngestService) -> None:
    import_entry(ingest, LAST)
    erase(database, LAST)
    with pytest.raises(ErasedError, match="asked by its author"):
        ingest.submit(LAST)
    with pytest.raises(ErasedError):
        import_entry(ingest, LAST)
    with database.write() as session:
        ChangeLog(session).create("group:x")
    with pytest.raises(ErasedError):
        import_entry(ingest, LAST, "group:x")
    assert titles(database) == set()


def dry_run(database: Database, document: bytes, log: str = PUBLIC) -> str | None:
    with database.read() as session:
        found = dry_run_upload(examine(document), session, log, UploadPolicy(), NOW)
    return found.steps[-1].code


def test_who_uploads_elsewhere_does_not_learn_that_a_group_had_it(
    database: Database, ingest: IngestService
) -> None:
    with database.write() as session:
        for name in ("group:x", "group:y"):
            ChangeLog(session).create(name)
    import_entry(ingest, OLD, "group:x")
    import_entry(ingest, LAST, "group:x")
    erase(database, LAST)
    # Its own readers may know, and it does not come back to them.
    assert dry_run(database, LAST, "group:x") == "entry.erased"
    with pytest.raises(ErasedError, match="asked by its author"):
        ingest.submit(LAST, "group:x")
    for log in ("group:y", PUBLIC):
        assert dry_run(database, LAST, log) is None
        assert ingest.submit(LAST, log).outcome == "created"
        assert dry_run(database, LAST, log) == "gate.unchanged"
        assert ingest.submit(LAST, log).outcome == "unchanged"
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        stored = visible.find_body(accept(LAST).coordinates)
        assert stored is not None and stored.data == LAST
        assert [row.title for row in visible.list(EntryQuery(now=NOW)).rows] == ["secret"]
    assert list(FsckService(database).run()) == []
    # Whoever has to keep it away can erase it again, and then everybody may know.
    erase(database, LAST)
    assert titles(database) == set()
    assert dry_run(database, LAST) == "entry.erased"
    with pytest.raises(ErasedError):
        ingest.submit(LAST)
    assert list(FsckService(database).run()) == []


def test_what_was_superseded_does_not_become_current_again(database: Database, ingest: IngestService) -> None:
    for document in (OLD, LAST):
        import_entry(ingest, document)
    erase(database, LAST)
    assert titles(database) == set()
    with database.read() as session:
        record = VisibleEntries(session, ANONYMOUS).find(accept(OLD).coordinates)
    assert record is not None and (record.is_current, record.current) == (False, None)
    import_entry(ingest, BETWEEN)  # late, from somewhere else
    assert titles(database) == set()
    import_entry(ingest, LATER)
    assert titles(database) == {"later"}
    assert list(FsckService(database).run()) == []


def test_what_is_older_than_the_current_one_goes_without_a_trace_in_lists(
    database: Database, ingest: IngestService
) -> None:
    for document in (OLD, LAST):
        import_entry(ingest, document)
    erase(database, OLD)
    assert titles(database) == {"secret"}


def test_lists_in_memory_let_go_of_each_that_is_erased(database: Database, ingest: IngestService) -> None:
    caches = ListCaches()
    documents = [
        signed(image(content=f"erased {n}", title=f"title {n}"), make_identity(email=f"e{n}@example.org"))
        for n in range(4)
    ]
    for document in documents:
        import_entry(ingest, document)

    def listed(**asked: str) -> set[str | None]:
        with database.read() as session:
            visible = VisibleEntries(session, ANONYMOUS, caches)
            query = EntryQuery(now=NOW, status=StatusFilter.ALL, **asked)
            return {row.title for row in visible.list(query).rows}

    assert len(listed()) == 4
    for n, document in enumerate(documents):
        erase(database, document)
        assert listed() == {f"title {left}" for left in range(n + 1, 4)}
        assert listed(email=f"e{n}@example.org") == set()


def test_peers_get_the_leaf_and_no_body(database: Database, ingest: IngestService, tmp_path: Path) -> None:
    for document in (LAST, OTHER):
        import_entry(ingest, document)
    integrator = Integrator(database, create_keys(tmp_path, "mp-e.example"), lambda: NOW)
    for _ in range(2):  # opens the log, then publishes its rows
        integrator.step()
    erase(database, LAST)
    with database.read() as session:
        feed = PublishedLogs(session, frozenset({PUBLIC}))
        (log,) = feed.logs()
        assert accept(LAST).entry_id.encode() in feed.leaves(log, 0, 10)[0]
        found = feed.bodies([accept(LAST).entry_id, accept(OTHER).entry_id])
        assert [body.data for body in found.found] == [OTHER]
        assert (found.erased, found.left) == ((0,), 0)
        # To whoever does not see the leaf it is as absent as what never was.
        assert PublishedLogs(session, frozenset()).bodies([accept(LAST).entry_id]).erased == ()
        keys = feed.body_keys(log, TileName(0, 2))
    assert (keys[0], keys[1][1]) == ((0, 0), len(OTHER))
    assert list(FsckService(database).run()) == []


def test_exports_leave_it_out(database: Database, ingest: IngestService, tmp_path: Path) -> None:
    for document in (LAST, OTHER):
        import_entry(ingest, document)
    erase(database, LAST)
    written = list(ExportService(database).export(tmp_path / "out"))
    assert [path.read_bytes() for path in written] == [OTHER]


def test_coordinates_name_every_statement_at_their_place(database: Database, ingest: IngestService) -> None:
    twin = signed(image(content="erased", title="twin"), JANE, "2024-05-03T12:00:00Z")
    for document in (LAST, twin):
        import_entry(ingest, document)
    service = ErasingService(database, lambda: NOW)
    assert len(service.erase(accept(LAST).coordinates, "x", "me")) == 2
    with pytest.raises(UnknownEntryError):
        service.erase(accept(LAST).coordinates, "x", "me")


def altered() -> list[bytes]:
    """What Jim says, and the same under another certificate of his key."""
    jim = make_identity("Jim", "jim@example.org", issuer=make_ca())
    twins = [one_of_two(jim), one_of_two(mirrored(jim))]
    assert len({accept(one).statement for one in twins}) == 1
    assert len({accept(one).entry_id for one in twins}) == 2
    return twins


def one_of_two(identity: Identity) -> bytes:
    return signed(image(content="twins", title="twin"), identity, "2024-05-03T12:00:00Z")


ALTERED = altered()


@pytest.mark.parametrize("twins", [ALTERED, ALTERED[::-1]], ids=["honest", "altered"])
def test_what_says_the_same_under_another_certificate_goes_too(
    database: Database, ingest: IngestService, twins: list[bytes]
) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:x")
        # It waits for its endorser's word, in a third log.
        limits = PendingLimits(5, 5, 5, timedelta(days=1))
        PendingUploads(session).add(accept(twins[1]), "group:y", "192.0.2.0/24", limits, NOW)
    import_entry(ingest, twins[0])
    import_entry(ingest, twins[1], "group:x")
    import_entry(ingest, OTHER)
    service = ErasingService(database, lambda: NOW)
    ids = {accept(one).entry_id for one in twins}
    assert set(service.erase(accept(twins[0]).entry_id, "asked by its author", "cli:me")) == ids
    with database.read() as session:
        assert sorted(session.scalars(select(EntryBody.data))) == [b"", b"", OTHER]
        assert session.scalars(select(Twin.entry_key)).all() == []
        assert PendingUploads(session).list() == []
    assert titles(database) == {"other"}
    assert list(FsckService(database).run()) == []
    with pytest.raises(UnknownEntryError):
        service.erase(accept(twins[1]).entry_id, "again", "cli:me")


@pytest.mark.parametrize("twins", [ALTERED, ALTERED[::-1]], ids=["honest", "altered"])
def test_it_does_not_come_back_under_another_certificate(
    database: Database, ingest: IngestService, twins: list[bytes]
) -> None:
    import_entry(ingest, twins[0])
    erase(database, twins[0])
    for way in (ingest.submit, partial(import_entry, ingest)):
        with pytest.raises(ErasedError, match="asked by its author"):
            way(twins[1])
    page = Page([accept(OTHER), accept(twins[1])], PUBLIC, Beside())
    other, refused = ingest.enqueue_page(page).result(60)
    assert isinstance(refused, ErasedError) and not isinstance(other, Exception)
    assert titles(database) == {"other"}
    with database.read() as session:
        assert ChangeLog(session).size(PUBLIC) == 2
        visible = VisibleEntries(session, ANONYMOUS)
        assert visible.find_erased(accept(twins[1]).coordinates) is not None
    assert list(FsckService(database).run()) == []


def test_fsck_sees_another_certificate_under_which_it_is_there(
    database: Database, ingest: IngestService
) -> None:
    import_entry(ingest, ALTERED[0])
    import_entry(ingest, OTHER)
    erase(database, ALTERED[0])
    with database.write() as session:
        session.execute(update(Erasure).values(statement=accept(OTHER).statement))
    (found,) = FsckService(database).run()
    assert (found.code, found.where) == ("entry.not-erased", accept(OTHER).entry_id)


def test_whoever_takes_it_in_meanwhile_waits_for_the_erasure(
    database: Database, ingest: IngestService
) -> None:
    """Between two processes: else neither would see what the other does."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    import_entry(ingest, ALTERED[0])
    coming: list[Future[IngestResult]] = []

    def clock() -> datetime:  # is asked in the transaction that erases
        coming.append(ingest.enqueue(accept(ALTERED[1]), source=Source.IMPORT))
        deadline = time.monotonic() + 60
        while not is_one_waiting(database):
            assert time.monotonic() < deadline and not coming[0].done()
        return NOW

    ErasingService(database, clock).erase(accept(ALTERED[0]).entry_id, "asked by its author", "cli:me")
    assert isinstance(coming[0].exception(60), ErasedError)
    assert titles(database) == set()


def is_one_waiting(database: Database) -> bool:
    with database.read() as session:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return session.scalar(text(waiting)) == 1


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 501])
def test_a_reason_must_be_tellable(database: Database, ingest: IngestService, reason: str) -> None:
    import_entry(ingest, LAST)
    with pytest.raises(ReasonError):
        ErasingService(database, lambda: NOW).erase(accept(LAST).entry_id, reason, "me")
    assert titles(database) == {"secret"}
