"""The indexer: an index that is damaged, lost, locked or of another log is built again, without loss."""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketplace.changes import PUBLIC, Cursors
from marketplace.search.errors import IndexBusyError, SearchUnavailableError
from tests.contract.indexed_site import Site, make_site, site
from tests.contract.search_engines import make_engine
from tests.contract.search_store import add, empty, entry

__all__ = ["site"]


ON_DISK = ("whoosh", "tantivy")


@pytest.fixture(params=ON_DISK)
def disk_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from make_site(request.param, request, tmp_path)


def test_an_index_is_built_again_after_it_was_destroyed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    add(site.database, [entry(n, title=f"entry {n}") for n in range(5)])
    site.follow()
    site.indexer.close()
    site.engine.destroy(PUBLIC)
    site.start()
    with pytest.raises(SearchUnavailableError) as unavailable:
        site.search("entry")
    assert unavailable.value.retry_after > 0
    assert site.search("").total == 5
    site.follow()
    assert site.search("entry").total == 5


def test_an_index_ahead_of_the_log_is_of_another_database(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    add(site.database, [entry(n, title=f"entry {n}") for n in range(5)])
    site.follow()
    empty(site.database)
    add(site.database, [entry(9, title="restored")])
    with caplog.at_level(logging.WARNING):
        site.start()
    assert "another database" in str([vars(record) for record in caplog.records])
    site.follow()
    assert site.titles("restored") == ["restored"]
    assert site.titles("entry") == []


def test_an_index_of_another_log_of_the_same_length_is_noticed(site: Site) -> None:
    add(site.database, [entry(n, title="mine") for n in range(3)])
    site.follow()
    empty(site.database)
    add(site.database, [entry(n, title="theirs") for n in range(3)])
    site.start()
    site.follow()
    assert site.search("mine").total == 0
    assert site.search("theirs").total == 3


def test_a_cursor_ahead_of_the_index_does_not_lose_entries(site: Site) -> None:
    add(site.database, [entry(1, title="first")])
    site.follow()
    add(site.database, [entry(2, title="skipped")])
    with site.database.write() as session:
        Cursors(session).move(site.indexer.name, PUBLIC, 2)
    add(site.database, [entry(3, title="third")])
    site.follow()
    assert site.titles("skipped") == ["skipped"]


def test_processes_with_indexes_of_their_own_do_not_take_rows_from_each_other(
    disk_site: Site, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    [other_engine] = make_engine(disk_site.engine.name, request, tmp_path / "other")
    other = Site(disk_site.database, other_engine, tmp_path / "other")
    add(disk_site.database, [entry(title="Regrettable nebula")])
    assert (disk_site.follow(), other.follow()) == (1, 1)
    assert other.titles("nebula") == disk_site.titles("nebula") == ["Regrettable nebula"]
    copied = tmp_path / "copied"
    other.indexer.close()
    shutil.copytree(tmp_path / "other", copied)
    [copied_engine] = make_engine(disk_site.engine.name, request, copied)
    assert copied_engine.copy() != other_engine.copy(), "a copied directory is one of its own"


def test_a_follower_that_is_reset_builds_everything_again(site: Site) -> None:
    add(site.database, [entry(n, title="again") for n in range(3)])
    site.follow()
    told: list[tuple[str, int, int]] = []
    assert site.indexer.rebuild(lambda log, done, size: told.append((log, done, size))) == 3
    assert told == [(PUBLIC, 3, 3)]
    assert site.follow() == 0
    assert site.search("again").total == 3


def overwrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def for_each(directory: Path, do: Callable[[Path], None]) -> None:
    for path in list(directory.iterdir()):
        do(path)


def replace_by_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("no directory")


def largest(directory: Path) -> Path:
    return max(
        (path for path in directory.iterdir() if path.is_file()),
        key=lambda path: (path.stat().st_size, path.name),
    )


def relabel(directory: Path, **changes: object) -> None:
    label = directory / "index.json"
    label.write_text(json.dumps(json.loads(label.read_text()) | changes))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "removed": shutil.rmtree,
    "emptied": lambda d: for_each(d, Path.unlink),
    "a file instead": lambda d: replace_by_file(d),
    "truncated to nothing": lambda d: os.truncate(largest(d), 0),
    "truncated by half": lambda d: os.truncate(largest(d), largest(d).stat().st_size // 2),
    "truncated by a byte": lambda d: os.truncate(largest(d), largest(d).stat().st_size - 1),
    "all files emptied": lambda d: for_each(d, lambda path: overwrite(path, b"")),
    "overwritten": lambda d: overwrite(largest(d), b"\xff" * largest(d).stat().st_size),
    "no label": lambda d: (d / "index.json").unlink(),
    "another engine": lambda d: relabel(d, engine="other"),
    "another version": lambda d: relabel(d, version="0.0.1"),
    "another schema": lambda d: relabel(d, schema=0),
    "another log": lambda d: relabel(d, log="group:x"),
    "a label of rubbish": lambda d: overwrite(d / "index.json", b"[1, 2"),
    "one file missing": lambda d: largest(d).unlink(),
}


# The library drops files that it fails to read without closing them.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_built_again_at_start_and_says_so(
    disk_site: Site, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    site = disk_site
    add(site.database, [entry(n, title=f"entry {n}", description="text " * 50) for n in range(20)])
    site.follow()
    site.indexer.close()
    DAMAGES[damage](site.directory)
    with caplog.at_level(logging.INFO):
        site.start()
        site.follow()
    assert any("index" in record.message for record in caplog.records)
    assert site.search("entry text").total == 20
    add(site.database, [entry(50, title="and on it goes")])
    site.follow()
    assert site.titles("goes") == ["and on it goes"]
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", ["removed", "emptied", "all files emptied", "one file missing"])
def test_an_index_that_breaks_while_running_is_a_503_and_then_mended(disk_site: Site, damage: str) -> None:
    site = disk_site
    add(site.database, [entry(n, title=f"entry {n}") for n in range(20)])
    site.follow()
    site.indexer.close()  # so that the next search opens files again
    DAMAGES[damage](site.directory)
    add(site.database, [entry(21, title="entry 21")])
    with pytest.raises(SearchUnavailableError):
        site.search("entry")
    assert site.search("").total == 21
    site.follow()
    assert site.search("entry").total == 21
    gc.collect()


@pytest.mark.parametrize("engine", ON_DISK)
def test_a_writer_that_was_killed_leaves_no_lock(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    sites = make_site(engine, request, tmp_path)
    site = next(sites)
    add(site.database, [entry(1, title="before")])
    site.follow()
    command = [sys.executable, "-c", _HOLD[engine], str(site.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "locked\n"
            add(site.database, [entry(2, title="while locked")])
            with pytest.raises(IndexBusyError):
                site.follow()
            assert site.titles("before") == ["before"]
        finally:
            writer.kill()
    site.start()
    site.follow()
    assert site.titles("locked") == ["while locked"]
    next(sites, None)


#: Programs that hold an index until they are killed.
_HOLD = {
    "whoosh": "import sys, time, whoosh.index as i; w = i.open_dir(sys.argv[1]).writer();"
    " print('locked', flush=True); time.sleep(600)",
    "tantivy": "import sys, time, tantivy as t; w = t.Index.open(sys.argv[1]).writer();"
    " print('locked', flush=True); time.sleep(600)",
}
