"""Export, import, demo and fsck on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from marketplace.archive import ExportService, ImportService, find_documents
from marketplace.db import Database
from marketplace.demo import load_demo
from marketplace.fsck import FsckService
from marketplace.ingest import IngestResult, IngestService, UploadPolicy
from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import sign_raw
from tests.factories.storing import import_entry
from validators import accept
from validators.errors import SizeLimitError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    service = IngestService(database, UploadPolicy())
    yield service
    service.close()


def test_the_demo_is_loaded_once_proves_again_and_exports_as_it_came(database, ingest, tmp_path):
    first = load_demo(tmp_path / "demo", ingest, NOW)
    second = load_demo(tmp_path / "demo", ingest, NOW)
    assert (first.created, second.created) == (first.entries, 0)
    steps: list[int] = []
    assert list(FsckService(database).run(steps.append)) == []
    assert sum(steps) == first.entries == FsckService(database).workload().documents
    exported = list(ExportService(database).export(tmp_path / "out"))
    assert len(exported) == first.entries == ExportService(database).count()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "demo" / "entries").iterdir()}
    assert {path.name: path.read_bytes() for path in exported} == kept


def test_the_demo_is_made_whole_or_not_at_all(ingest, tmp_path, monkeypatch):
    def fail(*arguments: object, **more: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("marketplace.demo.loading.sign", fail)
    with pytest.raises(OSError, match="No space"):
        load_demo(tmp_path / "demo", ingest, NOW)
    assert list(tmp_path.glob("*demo*")) == []


def test_a_changed_file_of_the_demo_is_not_taken(ingest, tmp_path):
    load_demo(tmp_path / "demo", ingest, NOW)
    path = sorted((tmp_path / "demo" / "entries").iterdir())[0]
    path.write_bytes(b" " * 1_048_577)
    with pytest.raises(SizeLimitError):
        load_demo(tmp_path / "demo", ingest, NOW)


def test_an_import_reads_no_more_of_a_file_than_an_entry_may_have(ingest, tmp_path):
    with (tmp_path / "endless.xml").open("wb") as file:
        file.truncate(2**40)  # sparse: a tebibyte of zeros
    (tmp_path / "good.xml").write_bytes(signed(image()))
    endless, good = ImportService(ingest).import_directory(find_documents(tmp_path))
    assert isinstance(endless.outcome, SizeLimitError)
    assert isinstance(good.outcome, IngestResult)


def test_fsck_sees_damage(database, ingest):
    import_entry(ingest, signed(image()))
    with database.write() as session:
        session.execute(text("UPDATE entry SET title = 'x'"))
    entry_id = accept(signed(image())).entry_id
    found = {(damage.code, damage.where) for damage in FsckService(database).run()}
    assert ("entry.column", entry_id) in found
    assert any(code == "current.column" for code, _ in found)


def test_a_sha1_digest_under_ecdsa_is_stored_as_legacy_and_fsck_agrees(database):
    who = make_identity()
    data = sign_raw(unsigned(image(), who), who, method="ecdsa-sha256", digest="sha1")
    with closing(IngestService(database, UploadPolicy())) as strict:
        import_entry(strict, data)
    with database.read() as session:
        assert session.execute(text("SELECT strength, digest_algorithm FROM entry_body")).all() == [
            ("legacy", "sha1")
        ]
    assert list(FsckService(database).run()) == []
    with database.write() as session:  # as a build before the rule was mended stored it
        session.execute(text("UPDATE entry_body SET strength = 'strong'"))
    (damage,) = (one for one in FsckService(database).run() if one.code == "body.column")
    assert (damage.where, "'legacy'" in damage.message) == (accept(data).entry_id, True)
