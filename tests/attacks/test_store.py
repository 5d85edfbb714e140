"""Third and fourth way in: a directory that is imported, and bytes that somebody put into the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, update

from marketplace.cli import run
from marketplace.db import Database
from marketplace.fsck import FsckService
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.models import EntryBody
from tests.attacks.catalogue import documents
from tests.attacks.forging import entry
from tests.databases import upgrade
from tests.factories.documents import image, signed


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with an empty database, the only one that commands see."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "data"
    directory.mkdir()
    upgrade(f"sqlite:///{directory}/marketplace.sqlite")
    return directory


@pytest.mark.parametrize(("good", "expected"), [(False, 5), (True, 9)])
def test_an_import_names_every_attack_and_takes_none(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], good: bool, expected: int
) -> None:
    attacks = documents()[:: 7 if good else 1]
    directory = tmp_path / "documents"
    directory.mkdir()
    for number, (_, document) in enumerate(attacks):
        (directory / f"{number:04}.xml").write_bytes(document)
    if good:
        (directory / "good.xml").write_bytes(entry())
    assert run(["import", "--data", str(data), str(directory)]) == expected
    errors = capfd.readouterr().err
    assert "Traceback" not in errors
    named = {line.split(": ")[1]: line for line in errors.splitlines() if ".xml: " in line}
    assert len(named) == len(attacks)
    for number, (attack, _) in enumerate(attacks):
        assert f"[{attack.code}]" in named[f"{number:04}.xml"].split(" "), attack.name
    with _opened(data) as database, database.read() as session:
        assert len(session.scalars(select(EntryBody.id)).all()) == good


def test_fsck_finds_every_attack_in_the_store(data: Path) -> None:
    with _opened(data) as database:
        ingest = IngestService(database, UploadPolicy())
        receipts = list(ingest.import_all(signed(image(content=str(n))) for n in range(len(documents()))))
        ingest.close()
        with database.write() as session:
            keys = session.scalars(select(EntryBody.id).order_by(EntryBody.id)).all()
            for key, (_, document) in zip(keys, documents(), strict=True):
                session.execute(update(EntryBody).where(EntryBody.id == key).values(data=document))
        refused = {d.where: d.message for d in FsckService(database).run() if d.code == "body.refused"}
    assert len(refused) == len(documents())
    for receipt, (attack, _) in zip(receipts, documents(), strict=True):
        assert f" {attack.code}: " in refused[receipt.entry_id], attack.name


@contextmanager
def _opened(data: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{data}/marketplace.sqlite")
    try:
        yield database
    finally:
        database.close()
