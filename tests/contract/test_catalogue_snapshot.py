"""The catalogue on disk: it says the same as the database, and when it is written."""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from marketplace.catalogue import Catalogue
from marketplace.catalogue.snapshot import NAME, CatalogueSnapshot
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.ingest.row_visibility import hide
from marketplace.ingest.site_filter import SiteFilter
from marketplace.models import ChangeRow, Log, VerdictRow
from tests.contract.judging import hold, verdict
from tests.contract.search_store import GROUP, add
from tests.contract.snapshots import IMAGES, keep, read_up, said, snapshot, store, told
from tests.waiting import wait_for
from validators.verdict import Standing

__all__ = ["store"]


def hidden(database: Database) -> None:
    """The public log shows an image no longer; its group still does."""
    with database.write() as session:
        log = session.scalars(select(Log.id).where(Log.name == PUBLIC)).one()
        hide(session, log, session.scalars(select(ChangeRow.entry_key).where(ChangeRow.sequence == 6)).all())


def refilter(database: Database, *conditions: str) -> int:
    return FilterRefresh(database, SiteFilter(conditions)).refresh()


def unjudged(database: Database) -> None:
    """A verdict is gone without a trace, as after an erasure."""
    with database.write() as session:
        session.execute(delete(VerdictRow))


MEANWHILE: dict[str, Callable[[Database], object]] = {
    "nothing": lambda database: None,
    "new entries": lambda database: add(database, [said(number) for number in range(IMAGES, 90)]),
    "superseded": lambda database: add(database, [said(number, 9, title="new") for number in range(30)]),
    "deprecated": lambda database: add(database, [said(number, 9, deprecated="bad") for number in range(9)]),
    "deprecated for the group": lambda database: add(database, [said(6, 9, deprecated="bad")], GROUP),
    "made private": hidden,
    "judged": lambda database: hold(database, {"key0": verdict(Standing.REVOKED), "key2": verdict()}),
    "settled": lambda database: (hold(database, {"other": verdict()}), CurrentRefresh(database).refresh()),
    "unjudged": unjudged,
    "filtered": lambda database: refilter(database, "trust:chained"),
    "filtered and shown again": lambda database: (refilter(database, "trust:chained"), refilter(database)),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE)
def test_it_says_what_the_database_says(
    store: Database, tmp_path: Path, meanwhile: Callable[[Database], object]
) -> None:
    keep(store, tmp_path)
    meanwhile(store)
    restored, fresh = Catalogue(), Catalogue()
    assert snapshot(store, tmp_path, restored).restore()
    if meanwhile is MEANWHILE["nothing"]:
        assert restored.size() > IMAGES
    read_up(store, restored)
    read_up(store, fresh)
    now_told, expected = told(store, restored), told(store, fresh)
    # Words of what was superseded may still be suggested by one that knew it.
    for suggested in ("None suggested", "member suggested"):
        assert set(expected.pop(suggested)) <= set(now_told.pop(suggested))
    assert now_told == expected
    # And what was read from a file changes as anything else does.
    add(store, [said(number, 20, title="later") for number in range(0, IMAGES, 7)])
    again = Catalogue()
    read_up(store, restored)
    read_up(store, again)
    assert told(store, restored)["member orders"] == told(store, again)["member orders"]


def test_nobody_else_may_read_it(store: Database, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        kept = keep(store, tmp_path)
    finally:
        os.umask(former)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(NAME)] == [NAME]


def test_no_room_is_told_once_and_nothing_else_happens(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = keep(store, tmp_path)
    whole = kept.read_bytes()
    add(store, [said(number) for number in range(IMAGES, 90)])
    catalogue = Catalogue()
    writing = snapshot(store, tmp_path, catalogue)
    assert writing.restore()
    read_up(store, catalogue)
    caplog.clear()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limits[1]))
    try:
        assert [writing.store(), writing.store()] == [False, False]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert kept.read_bytes() == whole
    assert not (tmp_path / f"{NAME}.new").exists()
    assert writing.store()
    assert kept.read_bytes() != whole


def test_one_process_writes_at_a_time(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalogues = [Catalogue() for _ in range(4)]
    snapshots = [snapshot(store, tmp_path, one) for one in catalogues]
    for one, catalogue in zip(snapshots, catalogues, strict=True):
        one.restore()
        read_up(store, catalogue)
    with (tmp_path / f"{NAME}.new").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not snapshots[0].store()
        assert not (tmp_path / NAME).exists()
    caplog.clear()
    stored: list[bool] = []
    threads = [threading.Thread(target=lambda one=one: stored.append(one.store())) for one in snapshots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(stored)
    assert not caplog.records
    assert snapshot(store, tmp_path).restore()
    # The others see that it is there.
    assert not any(one.store() for one in snapshots)


def test_it_is_written_again_when_there_is_enough_new(store: Database, tmp_path: Path) -> None:
    catalogue = Catalogue()
    writing = snapshot(store, tmp_path, catalogue)
    writing.restore()
    read_up(store, catalogue)
    assert writing.store_if_due()
    add(store, [said(901)])
    read_up(store, catalogue)
    assert not writing.store_if_due()
    add(store, [said(number) for number in range(200, 204)])
    read_up(store, catalogue)
    assert writing.store_if_due()
    hidden(store)
    read_up(store, catalogue)
    assert writing.store_if_due()
    assert not writing.store_if_due()


def test_a_small_catalogue_is_not_kept(store: Database, tmp_path: Path) -> None:
    catalogue = Catalogue()
    writing = CatalogueSnapshot(store, catalogue, tmp_path)
    writing.restore()
    read_up(store, catalogue)
    assert not writing.store()
    assert not list(tmp_path.glob(f"{NAME}*"))


def in_memory(directory: Path) -> int:
    """Kilobytes of the files of a directory that are mapped and in the memory of this process."""
    total, counts = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.partition(" ")[0]:
            counts = str(directory) in line
        elif counts and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_what_was_looked_at_of_the_file_leaves_memory(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"  # without the database, which SQLite maps as well
    kept.mkdir()
    keep(store, kept)
    catalogue = Catalogue()
    assert snapshot(store, kept, catalogue).restore()
    assert str(kept) in Path("/proc/self/smaps").read_text()
    for _ in range(2):  # the second look comes too soon after the first
        assert told(store, catalogue)
    wait_for(lambda: in_memory(kept) == 0)
    # The next look comes soon after that, however long this process has waited.
    monkeypatch.setattr("marketplace.catalogue.catalogue._SECONDS", 10.0)
    assert told(store, catalogue) and in_memory(kept) > 0
