"""The door with documents that are really signed: bytes in, the same bytes in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.access import ANONYMOUS
from marketplace.db import Database
from marketplace.entries import EntryQuery, StatusFilter, VisibleEntries
from marketplace.ingest import ConflictError, IngestService, UploadPolicy
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import import_entry
from validators import accept
from validators.errors import RefusedError

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    upgrade(url)
    with closing(Database.open(url)) as database:
        yield database


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    with closing(IngestService(database, UploadPolicy(legacy="accept"), lambda: NOW)) as service:
        yield service


def test_a_signed_document_is_stored_byte_for_byte_with_what_it_says(
    database: Database, ingest: IngestService
) -> None:
    draft = image(title="Straße", tags=("stable",), locations=("pdisk:x", "http://a.example.org/"))
    data = signed(draft, make_identity(), created="2024-05-01T12:00:00Z")
    receipt = ingest.submit(data)
    entry = accept(data)
    assert (receipt.entry_id, receipt.coordinates) == (entry.entry_id, entry.coordinates)
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        body, record = visible.find_body(receipt.coordinates), visible.find(receipt.coordinates)
        assert body is not None and body.data == data
        assert record is not None and record.row.title == "Straße"
        assert record.locations == ("pdisk:x", "http://a.example.org/")
        tagged = visible.tagged(entry.endorser.email, "stable")
        assert tagged is not None and tagged.entry_id == entry.entry_id
        assert visible.list(EntryQuery(now=NOW, search="STRASSE")).matching == 1


def test_the_same_statement_signed_again_is_a_conflict(ingest: IngestService) -> None:
    identity = make_identity(key="p256")  # ECDSA signs differently each time
    first, second = (signed(image(), identity, created="2024-05-01T12:00:00Z") for _ in range(2))
    assert first != second
    assert accept(first).entry_id == accept(second).entry_id
    ingest.submit(first)
    with pytest.raises(ConflictError):
        ingest.submit(second)
    assert import_entry(ingest, second).outcome == "unchanged"


def test_what_acceptance_refuses_reaches_nothing(database: Database, ingest: IngestService) -> None:
    with pytest.raises(RefusedError):
        ingest.submit(b"<not/>")
    good = signed(image(), make_identity(), created="2024-05-01T12:00:00Z")
    outcomes = list(ingest.import_all([b"", good, good.replace(b"qcow2", b"qcow3"), good]))
    assert isinstance(outcomes[0], RefusedError) and isinstance(outcomes[2], RefusedError)
    assert [getattr(o, "outcome", None) for o in outcomes] == [None, "created", None, "unchanged"]
    with database.read() as session:
        page = VisibleEntries(session, ANONYMOUS).list(EntryQuery(now=NOW, status=StatusFilter.ALL))
    assert page.total == 1
