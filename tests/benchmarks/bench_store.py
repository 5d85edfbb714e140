"""Taking accepted entries in: eight uploads at a time, durable each, beside bare commits to the same disk.

Acceptance is left out (bench_acceptance has it): these are values made by hand
with bodies of 6 kB, so the figures are the store's alone.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from marketplace.db import Database, upgrade
from marketplace.ingest import IngestService, Source, UploadPolicy
from tests.benchmarks.bulk import NOW, entries
from tests.benchmarks.figures import Figure, percentile
from validators.document import AcceptedEntry

CLIENTS = 8
BODY = 6 * 1024


def run(number: int = 2000) -> list[Figure]:
    """Measure ``number`` entries in each way, every time into a new database."""
    with tempfile.TemporaryDirectory(prefix="bench-store-") as directory:
        base = Path(directory)
        bare = _bare_commits(base / "bare.sqlite", number // 4)
        floor = f"{bare:.0f}/s commits of one 6 kB row, SQLite FULL"
        uploads, times = _through(base / "uploads.sqlite", number, _upload)
        imports, _ = _through(base / "imports.sqlite", number, _import)
    return [
        Figure(
            f"{CLIENTS} clients, one entry each at a time",
            f"{uploads:.0f}/s, p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms",
            floor,
            uploads / bare,
            ">= 150/s",
            uploads >= 150,
        ),
        Figure("import, commits shared", f"{imports:.0f}/s", floor, imports / bare),
    ]


def _bare_commits(file: Path, number: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, data BLOB)")
        start = time.perf_counter()
        for _ in range(number):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO body (data) VALUES (?)", (os.urandom(BODY),))
            connection.execute("COMMIT")
        return number / (time.perf_counter() - start)
    finally:
        connection.close()


def _through(
    file: Path, number: int, store: Callable[[IngestService, list[AcceptedEntry]], list[float]]
) -> tuple[float, list[float]]:
    upgrade(f"sqlite:///{file}")
    database = Database.open(f"sqlite:///{file}")
    ingest = IngestService(database, UploadPolicy(), lambda: NOW)
    work = [_with_body(entry) for entry in entries(number)]
    try:
        start = time.perf_counter()
        times = store(ingest, work)
        return number / (time.perf_counter() - start), times
    finally:
        ingest.close()
        database.close()


def _with_body(entry: AcceptedEntry) -> AcceptedEntry:
    return replace(entry, data=entry.data + os.urandom(BODY // 2).hex().encode())


def _upload(ingest: IngestService, work: list[AcceptedEntry]) -> list[float]:
    def send(entry: AcceptedEntry) -> float:
        start = time.perf_counter()
        ingest.enqueue(entry).result()
        return (time.perf_counter() - start) * 1000

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(send, work))


def _import(ingest: IngestService, work: list[AcceptedEntry]) -> list[float]:
    answers = [ingest.enqueue(entry, source=Source.IMPORT) for entry in work]
    for answer in answers:
        answer.result()
    return []
