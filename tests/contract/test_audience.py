"""What is signed as private never enters the public log, by whatever way it comes; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from marketplace.access.principal import group_log
from marketplace.audit import AuditLog, OwedRecord
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.ingest import (
    IngestResult,
    IngestService,
    OtherAudienceError,
    Page,
    PrivateEntryError,
    Source,
    UploadPolicy,
)
from tests.factories.entries import accepted, moment
from tests.factories.storing import Beside
from validators.document import AcceptedEntry, Term
from validators.vocabulary import dcterms

NOW = moment(86_400)
ASTRO, BIO = group_log("astro"), group_log("bio")
ELSEWHERE = "peer:mp-b.example/g/00ff"


def terms(*rights: str, audience: tuple[str, ...] = ()) -> tuple[Term, ...]:
    return (
        *(Term(dcterms("accessRights"), text) for text in rights),
        *(Term(dcterms("audience"), text) for text in audience),
    )


PRIVATE = accepted(terms=terms("private"))
FOR_ASTRO = accepted(terms=terms("private", audience=("astro",)))


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    with database.write() as session:
        for log in (ASTRO, BIO, ELSEWHERE):
            ChangeLog(session).create(log)
    service = IngestService(database, UploadPolicy(), lambda: NOW)
    yield service
    service.close()


def put(
    ingest: IngestService,
    entry: AcceptedEntry,
    log: str,
    source: Source = Source.UPLOAD,
    record: OwedRecord | None = None,
) -> IngestResult:
    return ingest.enqueue(entry, log, source, record).result(timeout=60)


def size(database: Database, log: str = PUBLIC) -> int:
    with database.read() as session:
        return ChangeLog(session).size(log)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("entry", [PRIVATE, FOR_ASTRO])
def test_a_private_entry_is_kept_out_of_the_public_log(
    database: Database, ingest: IngestService, source: Source, entry: AcceptedEntry
) -> None:
    with pytest.raises(PrivateEntryError):
        put(ingest, entry, PUBLIC, source)
    put(ingest, entry, ASTRO)
    with pytest.raises(PrivateEntryError):
        put(ingest, entry, PUBLIC, source)
    assert (size(database), size(database, ASTRO)) == (0, 1)


def test_a_refused_entry_does_not_stop_the_others_of_its_transaction(
    database: Database, ingest: IngestService
) -> None:
    answers = [ingest.enqueue(one, PUBLIC) for one in (PRIVATE, accepted("other"))]
    assert isinstance(answers[0].exception(timeout=60), PrivateEntryError)
    assert answers[1].result(timeout=60).outcome == "created"
    assert size(database) == 1


@pytest.mark.parametrize("source", [Source.UPLOAD, Source.IMPORT])
def test_an_entry_for_some_groups_enters_no_other_group(ingest: IngestService, source: Source) -> None:
    with pytest.raises(OtherAudienceError):
        put(ingest, FOR_ASTRO, BIO, source)
    assert put(ingest, FOR_ASTRO, ASTRO, source).outcome == "created"


def test_a_page_of_a_peer_brings_nothing_private_into_the_public_log(
    database: Database, ingest: IngestService
) -> None:
    page = Page([PRIVATE, accepted("other"), FOR_ASTRO], PUBLIC, Beside())
    outcomes = ingest.enqueue_page(page).result(timeout=60)
    assert [isinstance(one, PrivateEntryError) for one in outcomes] == [True, False, True]
    assert size(database) == 1


def test_a_log_of_another_site_has_groups_of_its_own(ingest: IngestService) -> None:
    assert put(ingest, FOR_ASTRO, ELSEWHERE, Source.IMPORT).outcome == "created"


def test_without_a_signed_audience_any_group_will_do_and_publishing_too(
    database: Database, ingest: IngestService
) -> None:
    entry = accepted()
    assert put(ingest, entry, ASTRO).outcome == "created"
    assert put(ingest, entry, BIO).outcome == "created"
    assert put(ingest, entry, PUBLIC) == IngestResult(entry.coordinates, entry.entry_id, "created", 0)


def test_what_a_group_holds_neither_blocks_nor_supersedes_elsewhere(ingest: IngestService) -> None:
    old, new = accepted(created=moment(1)), accepted(created=moment(2), deprecated="gone")
    other = accepted(created=moment(2), title="another document at the same coordinates")
    put(ingest, new, ASTRO)
    assert put(ingest, old, PUBLIC).outcome == "created"
    assert put(ingest, other, PUBLIC).outcome == "created"


def test_a_record_is_written_with_the_entry_and_once(database: Database, ingest: IngestService) -> None:
    record = OwedRecord("jane", "entry.upload", "somewhere", {"group": "astro"})
    for outcome in ("created", "unchanged"):
        assert put(ingest, accepted(), ASTRO, record=record).outcome == outcome
    with database.read() as session:
        assert [(one.actor, one.action) for one in AuditLog(session).page()] == [("jane", "entry.upload")]


def test_an_entry_whose_record_fails_is_not_stored(database: Database, ingest: IngestService) -> None:
    unwritable: Any = {"group": object()}
    with pytest.raises(TypeError):
        put(ingest, accepted(), ASTRO, record=OwedRecord("jane", "entry.upload", "somewhere", unwritable))
    assert size(database, ASTRO) == 0
    assert put(ingest, accepted(), ASTRO).sequence == 0
