"""A triple store that finds no room: its engine remembers the error for ever, the follower does not."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyoxigraph import Store

from marketplace.db import Database
from marketplace.ingest import IngestService
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.generations import Generations
from marketplace.sparql.store import TripleStore
from marketplace.system_errors import reason_of
from tests.factories.storing import import_entry
from tests.fixtures_sparql import document, follow
from tests.waiting import wait_for

#: Bytes that a file may have while there is no room.
ROOM = 50_000
LONG = "x" * 20_000


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow, which its programs are told as they are of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def import_some(ingest: IngestService, first: int) -> None:
    for number in range(first, first + 6):
        import_entry(ingest, document(f"image {number}", description=LONG))


def fail_for_want_of_room(database: Database, follower: SparqlFollower) -> None:
    with no_room():
        for _ in range(2):
            with pytest.raises(OSError, match="File too large") as caught:
                follow(database, follower)
            assert reason_of(caught.value) == "File too large"


def statements(directory: Path) -> int:
    """How many statements queries see."""
    current = Generations(directory / "generations").acquire()
    assert current is not None
    try:
        return len(Store.read_only(str(current.path)))
    finally:
        current.release()


def test_a_follower_goes_on_when_there_is_room_again(
    log_database: Database, ingest: IngestService, tmp_path: Path
) -> None:
    follower = SparqlFollower.open(log_database, tmp_path / "sparql")
    try:
        import_some(ingest, 0)
        fail_for_want_of_room(log_database, follower)
        follow(log_database, follower)
        import_some(ingest, 6)
        follow(log_database, follower)
    finally:
        follower.close()
    whole = SparqlFollower.open(log_database, tmp_path / "other")
    follow(log_database, whole)
    whole.close()
    assert statements(tmp_path / "sparql") == statements(tmp_path / "other")


def test_what_could_not_be_published_is_published_later_by_itself(
    log_database: Database,
    ingest: IngestService,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The pauses between attempts follow how long one takes: minutes on a busy machine.
    monkeypatch.setattr("marketplace.sparql.follower._LAST_RETRY", 0.5)
    follower = SparqlFollower.open(log_database, tmp_path / "sparql")
    generations = Generations(tmp_path / "sparql" / "generations")
    try:
        wait_for(generations.find_current)
        before = statements(tmp_path / "sparql")
        # A directory stands where the link to the next copy has to be made.
        (blocking := tmp_path / "sparql" / "generations" / "next").mkdir()
        (blocking / "x").touch()
        import_some(ingest, 0)
        follow(log_database, follower)
        wait_for(lambda: "cannot be published" in caplog.text)
        assert statements(tmp_path / "sparql") == before
        (blocking / "x").unlink()
        blocking.rmdir()
        wait_for(lambda: statements(tmp_path / "sparql") > before)
        # Attempts that failed left no copies. The old one goes, with the next one if it was read until now.
        import_some(ingest, 1)
        follow(log_database, follower)
        wait_for(lambda: len(list((tmp_path / "sparql" / "generations").glob("[0-9]*"))) == 1)
    finally:
        follower.close()


def test_a_store_that_finds_no_room_when_it_is_opened_is_not_thrown_away(tmp_path: Path) -> None:
    store = TripleStore(tmp_path)
    mark = store.mark
    store.close()
    with no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        with pytest.raises(OSError, match="File too large"):
            TripleStore(tmp_path)
    store = TripleStore(tmp_path)
    assert (store.mark, store.damaged) == (mark, False)
    store.close()
