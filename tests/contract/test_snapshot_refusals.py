"""The catalogue on disk is thrown away where it is damaged, of another database, or has what was erased."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from marketplace.catalogue import Catalogue
from marketplace.catalogue.sections import MAGIC
from marketplace.catalogue.snapshot import NAME, delete_snapshot
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.ingest.erasing import ErasingService
from marketplace.migrate import head_revision
from marketplace.models import ChangeRow, Entry, Erasure, Log
from tests.contract.search_store import NOW, add, empty
from tests.contract.snapshots import IMAGES, keep, read_up, said, snapshot, store

__all__ = ["store"]


def refused(database: Database, directory: Path, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the file is told to be no good, deleted, and does no harm."""
    caplog.clear()
    catalogue = Catalogue()
    restored = snapshot(database, directory, catalogue).restore()
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    return not restored and catalogue.size() == 0 and len(warned) == 1 and not (directory / NAME).exists()


def test_a_damaged_file_is_thrown_away(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = keep(store, tmp_path)
    whole = kept.read_bytes()
    chance = random.Random(3)
    for place in (0, len(MAGIC), len(MAGIC) + 7, len(whole) - 1, *chance.sample(range(len(whole)), 25)):
        kept.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        assert refused(store, tmp_path, caplog), place
        kept.write_bytes(whole[:place])
        assert refused(store, tmp_path, caplog), place
    kept.write_bytes(whole + b"more")
    assert refused(store, tmp_path, caplog)
    kept.write_bytes(whole)
    assert snapshot(store, tmp_path).restore()


def test_a_file_of_another_version_is_thrown_away(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = keep(store, tmp_path)
    kept.write_bytes(kept.read_bytes().replace(MAGIC, MAGIC[:-2] + b"2\n"))
    assert refused(store, tmp_path, caplog)
    keep(store, tmp_path)
    with store.write() as session:
        (schema,) = session.scalars(text("UPDATE alembic_version SET version_num = 'x' RETURNING 'old'"))
    assert schema == "old"
    try:
        assert refused(store, tmp_path, caplog)
    finally:
        with store.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head_revision()})


@pytest.mark.parametrize("later", [0, 1, 30], ids=["shorter", "as long", "longer"])
def test_a_file_of_another_database_is_thrown_away(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, later: int
) -> None:
    """Also one of a database that was put back to an earlier state and went another way from there."""
    keep(store, tmp_path)
    with store.read() as session:
        rows = len(session.scalars(select(ChangeRow.sequence).where(ChangeRow.log_id == 1)).all())
    empty(store)
    add(store, [said(number) for number in range(IMAGES)])
    if later:
        add(store, [said(100 + number) for number in range(rows - IMAGES + later - 1)])
    assert refused(store, tmp_path, caplog)


def test_a_log_put_back_to_an_earlier_state_that_grew_again_is_noticed(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, tmp_path)
    with store.write() as session:
        log, size = session.execute(select(Log.id, Log.next_sequence).where(Log.name == PUBLIC)).one()
        last = session.scalars(
            select(ChangeRow).where(ChangeRow.log_id == log, ChangeRow.sequence == size - 1)
        ).one()
        last.entry_key = (
            session.scalars(
                select(Entry.id).where(
                    Entry.id.not_in(select(ChangeRow.entry_key).where(ChangeRow.log_id == log))
                )
            ).first()
            or 0
        )
    assert refused(store, tmp_path, caplog)


def test_what_was_erased_is_in_no_file(store: Database, tmp_path: Path) -> None:
    title = "Erased by right"
    add(store, [said(900, title=title)])
    catalogue = Catalogue()
    running = snapshot(store, tmp_path, catalogue)
    running.restore()
    read_up(store, catalogue)
    assert running.store()
    assert b"erased by right" in (tmp_path / NAME).read_bytes()
    ErasingService(store, lambda: NOW, lambda places: delete_snapshot(tmp_path)).erase(
        said(900, title=title).entry_id, "asked for", "me"
    )
    assert not (tmp_path / NAME).exists()
    # The process that knew it writes nothing any more, whatever comes.
    add(store, [said(number, 30) for number in range(9)])
    read_up(store, catalogue)
    assert not running.store()
    assert not running.store_if_due()
    kept = keep(store, tmp_path)
    assert b"erased by right" not in kept.read_bytes().lower()


def test_a_file_from_before_something_was_erased_elsewhere_is_thrown_away(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, tmp_path)
    ErasingService(store, lambda: NOW).erase(said(1).entry_id, "asked for", "me")
    assert refused(store, tmp_path, caplog)


def test_what_was_erased_stays_away_also_where_another_entry_came_back(
    store: Database, tmp_path: Path
) -> None:
    """There are as many erased entries as before then."""
    erasing = ErasingService(store, lambda: NOW)
    erasing.erase(said(1).entry_id, "asked for", "me")
    keep(store, tmp_path)
    erasing.erase(said(2).entry_id, "asked for", "me")
    with store.write() as session:
        session.execute(
            delete(Erasure).where(
                Erasure.entry_key
                == select(Entry.id).where(Entry.entry_id == said(1).entry_id).scalar_subquery()
            )
        )
    assert not snapshot(store, tmp_path).restore()
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("forget", [delete_snapshot, lambda directory: None], ids=["here", "elsewhere"])
def test_what_is_erased_while_it_is_written_is_in_no_file(
    store: Database, tmp_path: Path, forget: Callable[[Path], None]
) -> None:
    """Whoever erases deletes the file before it is there; whoever writes looks afterwards."""

    class Erasing(Catalogue):
        def write(self, writer: Any) -> None:
            super().write(writer)
            erasing = ErasingService(store, lambda: NOW, lambda places: forget(tmp_path))
            erasing.erase(said(1).entry_id, "asked for", "me")

    catalogue = Erasing()
    writing = snapshot(store, tmp_path, catalogue)
    writing.restore()
    read_up(store, catalogue)
    writing.store()
    assert not list(tmp_path.glob(f"{NAME}*"))
