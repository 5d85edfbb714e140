"""Large batches of a Whoosh index, written by a process of their own, whatever becomes of that."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroaring import BitMap
from whoosh.index import open_dir

from marketplace.search import whoosh_writing
from marketplace.search.directory import directory_of
from marketplace.search.engine import IndexBatch, Position
from marketplace.search.errors import IndexBrokenError, IndexBusyError
from marketplace.search.whoosh_engine import WhooshEngine, WhooshIndex
from marketplace.search.whoosh_writing import LARGE, BatchWriter
from tests.unit.search.test_whoosh_engine import document, find
from tests.waiting import HANGING


@pytest.fixture
def writer() -> Iterator[BatchWriter]:
    made = BatchWriter(idle=600.0)
    yield made
    made.close()


@pytest.fixture
def index(tmp_path: Path, writer: BatchWriter) -> Iterator[WhooshIndex]:
    WhooshEngine(tmp_path).open("public").close()
    where = directory_of(tmp_path, "public")
    opened = WhooshIndex(where, open_dir(str(where)), writer)
    yield opened
    opened.close()


def put(index: WhooshIndex, count: int, first: int = 1) -> None:
    keys = range(first, first + count)
    documents = [document(key, f"word number{key}") for key in keys]
    index.apply(IndexBatch(documents, (), Position(keys[-1], "e", True)))


def process_of(writer: BatchWriter) -> int:
    found = writer._process.process_id
    assert found is not None
    return found


def test_a_large_batch_is_written_by_another_process(
    index: WhooshIndex, writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, LARGE - 1)
    assert writer._process.process_id is None

    def refuse(*_: object) -> None:
        raise AssertionError("written here")

    monkeypatch.setattr(whoosh_writing, "write", refuse)
    put(index, LARGE, first=10)
    assert index.position() == Position(LARGE + 9, "e", True)
    assert find(index, "word") == BitMap(range(1, LARGE + 10))
    assert find(index, "number12") == BitMap([12])


def test_a_process_that_is_killed_over_a_batch_loses_nothing(index: WhooshIndex, writer: BatchWriter) -> None:
    put(index, LARGE)
    process = process_of(writer)
    os.kill(process, signal.SIGSTOP)
    asking = threading.Thread(target=put, args=(index, LARGE, 100))
    asking.start()
    deadline = time.monotonic() + HANGING
    while not writer._lock.locked() and time.monotonic() < deadline:
        time.sleep(0.01)  # until it is asked
    os.kill(process, signal.SIGKILL)
    asking.join()
    assert find(index, "word") == BitMap([*range(1, LARGE + 1), *range(100, 100 + LARGE)])
    put(index, LARGE, first=200)
    assert process_of(writer) != process
    assert len(find(index, "word")) == 3 * LARGE


def test_without_a_process_large_batches_are_written_here(
    index: WhooshIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    put(index, LARGE)
    assert find(index, "word") == BitMap(range(1, LARGE + 1))


def test_the_process_ends_when_no_batch_comes_and_starts_again(tmp_path: Path) -> None:
    writer = BatchWriter(idle=0.01)
    where = directory_of(tmp_path, "public")
    WhooshEngine(tmp_path).open("public").close()
    index = WhooshIndex(where, open_dir(str(where)), writer)
    put(index, LARGE)
    process = process_of(writer)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    put(index, LARGE, first=100)
    assert len(find(index, "word")) == 2 * LARGE
    index.close()


def test_an_index_that_another_process_writes_is_busy(index: WhooshIndex, tmp_path: Path) -> None:
    other = open_dir(str(directory_of(tmp_path, "public"))).writer()
    try:
        with pytest.raises(IndexBusyError, match="another process is writing"):
            put(index, LARGE)
    finally:
        other.cancel()
    put(index, LARGE)
    assert len(find(index, "word")) == LARGE


def test_a_damaged_index_is_told_as_broken(index: WhooshIndex, tmp_path: Path) -> None:
    put(index, LARGE)
    for path in directory_of(tmp_path, "public").glob("_MAIN_*.toc"):
        path.unlink()
    with pytest.raises(IndexBrokenError, match="public-"):
        put(index, LARGE, first=100)
