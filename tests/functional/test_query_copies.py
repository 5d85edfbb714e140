"""Copies of the triple store that queries are answered from: missing, damaged, and replaced while in use."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.sparql.errors import (
    QueryRefusedError,
    QueryUnavailableError,
)
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.pool import WorkerPool
from marketplace.sparql.service import GENERATIONS, QueryService
from tests.databases import upgrade
from tests.fixtures_sparql import document, follow
from tests.functional.asking import LIMITS, TITLES, values
from tests.waiting import HANGING, wait_for


def test_closing_does_not_wait_for_processes_that_were_never_started(tmp_path: Path) -> None:
    # Such a wait would last longer than a test may.
    pool = WorkerPool(tmp_path, size=9, max_waiting=1, max_wait=HANGING, memory=2**28)
    pool.close()
    pool.start()
    assert not pool.process_ids()


@pytest.mark.parametrize("published", [False, True], ids=["nothing", "damaged"])
def test_where_no_copy_can_be_read_queries_are_unavailable(tmp_path: Path, published: bool) -> None:
    if published:
        copy = tmp_path / "sparql" / GENERATIONS / "1"
        copy.mkdir(parents=True)
        (copy / "CURRENT").write_text("rubbish\n")
        (copy.parent / "current").symlink_to("1")
    service = QueryService(tmp_path / "sparql", LIMITS)
    service.start()
    try:
        with pytest.raises(QueryUnavailableError):
            service.select(TITLES)
    finally:
        service.close()


def test_readers_keep_their_copy_while_newer_ones_are_published(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    upgrade(url)
    database = Database.open(url)
    ingest = IngestService(database, UploadPolicy(legacy="refuse"))
    follower = SparqlFollower.open(database, tmp_path / "sparql")
    service = QueryService(tmp_path / "sparql", replace(LIMITS, seconds=60.0))
    service.start()
    stop = threading.Event()
    failures: list[QueryRefusedError] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                service.select(TITLES)
            except QueryRefusedError as error:
                failures.append(error)

    wait_for((tmp_path / "sparql" / GENERATIONS / "current").exists)
    reader = threading.Thread(target=ask)
    reader.start()
    try:
        for number in range(4):
            ingest.submit(document(f"image {number}", title=f"title {number}"))
            follow(database, follower)
            wait_for(lambda number=number: f"title {number}" in values(service, TITLES, "title"))
    finally:
        stop.set()
        reader.join()
        service.close()
        follower.close()
        ingest.close()
        database.close()
    assert not failures
