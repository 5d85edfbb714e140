"""The catalogue on disk: what it is read from says the same as the database, or it is thrown away."""

from __future__ import annotations

import fcntl
import logging
import os
import random
import resource
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import Catalogue
from marketplace.catalogue.order import SortKey
from marketplace.catalogue.sections import MAGIC
from marketplace.catalogue.snapshot import NAME, CatalogueSnapshot, delete_snapshot
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.facets import Facet
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.ingest.erasing import ErasingService
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.ingest.row_visibility import hide
from marketplace.ingest.site_filter import SiteFilter
from marketplace.migrate import head_revision
from marketplace.models import ChangeRow, Entry, Erasure, Log, VerdictRow
from marketplace.models.base import to_seconds
from marketplace.rules.columns import Column
from marketplace.rules.visibility import find_scope
from tests.contract.judging import hold, verdict
from tests.contract.search_store import GROUP, NOW, add, empty
from tests.factories.entries import accepted, moment, signer
from tests.functional.catalogue import eventually
from validators.document import AcceptedEntry, Strength
from validators.verdict import Standing

IMAGES = 60
MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))
WORDS = ("ubuntu", "secret", "22.04", "image7", "erased", "x86")


def said(number: int, second: int = 0, **more: Any) -> AcceptedEntry:
    chance = random.Random(number)
    email = f"{chance.choice(('ann', 'bob', 'eve'))}@x.org"
    told: dict[str, Any] = {
        "signed_by": signer(f"key{chance.randrange(3)}", email=email),
        "title": chance.choice((None, f"Ubuntu image{number}", "\u00dcbuntu 22.04")),
        "os": chance.choice(("Ubuntu", "UBUNTU ", "Debian")),
        "os_arch": chance.choice(("x86_64", "amd64", None)),
        "tags": tuple(chance.sample(("lts", "small", "nightly"), number % 3)),
        "valid": chance.choice((None, moment(500), moment(5000))),
        "strength": chance.choice((Strength.STRONG, Strength.LEGACY)),
    }
    return accepted(number, email, moment(second), **told | more)


@pytest.fixture
def store(database: Database) -> Database:
    """Sixty images of three endorsers in two logs, some in both, and verdicts on their keys."""
    empty(database)
    add(database, [said(number) for number in range(IMAGES)])
    add(database, [said(number) for number in range(10)], GROUP)
    add(database, [said(number, 1, title="secret") for number in range(5, 15)], GROUP)
    # Two keys speak about one image, and one statement stands under two certificates.
    add(database, [said(7, 3, signed_by=signer("other"))])
    add(database, [said(20, 2, signed_by=signer(name), statement="5" * 64) for name in ("one", "two")])
    hold(database, {"key0": verdict(Standing.CHAINED), "key1": verdict(Standing.SELF_SIGNED)})
    CurrentRefresh(database).refresh()
    return database


def snapshot(database: Database, directory: Path, catalogue: Catalogue | None = None) -> CatalogueSnapshot:
    return CatalogueSnapshot(database, catalogue or Catalogue(), directory, least=1)


def keep(database: Database, directory: Path) -> Path:
    """Write the file as a process does that has read everything."""
    catalogue = Catalogue()
    writing = snapshot(database, directory, catalogue)
    assert not writing.restore()
    read_up(database, catalogue)
    assert writing.store()
    return directory / NAME


def read_up(database: Database, catalogue: Catalogue) -> None:
    with database.read() as session:
        catalogue.catch_up(session, find_scope(session, MEMBER))


def told(database: Database, catalogue: Catalogue) -> dict[str, object]:
    """Everything that a catalogue says to readers of the public log, and of both."""
    now, answers = to_seconds(NOW), dict[str, object]()
    for reader in (ANONYMOUS, MEMBER):
        with database.read() as session, catalogue.look(session, find_scope(session, reader)) as view:
            shown = view.shown
            answers |= {
                f"{reader.name} shown": (list(shown), view.by_log(shown), view.with_twins(shown)),
                f"{reader.name} facets": [
                    [
                        (value, count, view.label(facet, value))
                        for value, count in view.count(facet, shown, now, 99)
                    ]
                    for facet in Facet
                ],
                f"{reader.name} orders": [
                    (view.ascending(by, shown, None, 99), view.descending(by, shown, None, 99))
                    for by in SortKey
                ],
                f"{reader.name} words": [
                    catalogue.find(column, word, shown) for word in WORDS for column in (None, Column.OS)
                ],
                f"{reader.name} suggested": view.similar("ubumtu", 5),
            }
    return answers | {"size": catalogue.size()}


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


def test_what_was_looked_at_of_the_file_leaves_memory(store: Database, tmp_path: Path) -> None:
    kept = tmp_path / "kept"  # without the database, which SQLite maps as well
    kept.mkdir()
    keep(store, kept)
    catalogue = Catalogue()
    assert snapshot(store, kept, catalogue).restore()
    assert str(kept) in Path("/proc/self/smaps").read_text()
    for _ in range(2):  # the second look comes too soon after the first
        assert told(store, catalogue)
    eventually(lambda: in_memory(kept) == 0)
    assert told(store, catalogue) and in_memory(kept) > 0
