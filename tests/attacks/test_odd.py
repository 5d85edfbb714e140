"""Odd entries are accepted at once, stored, found whole by fsck, and served without a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.archive import ImportService, find_documents
from marketplace.db import Database
from marketplace.fsck import FsckService
from marketplace.ingest import IngestResult, IngestService, UploadPolicy
from marketplace.sparql.triples import triples
from tests.attacks.odd import ODD
from tests.costs import JUDGING, costing_at_most
from tests.databases import upgrade
from tests.factories.documents import CREATED
from tests.functional.running import running_server
from validators import accept

FORMS = ("text/html", "application/rdf+xml", "application/json", "application/xml")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_document_is_accepted_at_once(name: str) -> None:
    data = ODD[name](CREATED)
    with costing_at_most(JUDGING):
        assert accept(data).data == data
    assert triples(data)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_entries_are_kept_and_served(tmp_path: Path) -> None:
    for number, build in enumerate(ODD.values()):
        (tmp_path / f"{number:02}.xml").write_bytes(build(f"2024-05-01T12:00:{number:02}Z"))
    url = f"sqlite:///{tmp_path}/marketplace.sqlite"
    upgrade(url)
    database = Database.open(url)
    paths = []
    ingest = IngestService(database, UploadPolicy())
    for imported in ImportService(ingest).import_directory(find_documents(tmp_path)):
        assert isinstance(imported.outcome, IngestResult), (imported.path, imported.outcome)
        paths.append(imported.outcome.coordinates.path())
    ingest.close()
    assert list(FsckService(database).run()) == []
    database.close()
    assert len(set(paths)) == len(ODD)
    with running_server(tmp_path) as server, server.client() as client:
        for path in paths:
            for form in FORMS:
                response = client.get(f"/metadata/{path}", headers={"Accept": form})
                assert response.status_code == 200, (path, form, response.text[:200])
        for target in ("/", "/metadata", "/endorsers", "/api/v1/entries", "/metadata?status=all"):
            assert client.get(target, headers={"Accept": "text/html"}).status_code < 500, target
    assert [line for line in server.log_lines() if line.get("level") in ("error", "critical")] == []
