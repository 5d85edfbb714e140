"""One web node beside a PostgreSQL of many entries: start, memory, reads, words, facets and uploads.

A database of more than a hundred thousand entries is made of copies, words of the search included. The
catalogue is read once without its file, and the node starts with the file. Elapsed times are those of one
client over HTTP. What the node itself needs of the processor stands beside them, because PostgreSQL needs
some too.

``python -m tests.benchmarks.bench_scale [--sizes 10000,100000] [--keep DIR]``. With ``--keep`` databases and
the node's directories stay in DIR, and the next run begins with them; so do the entries that it uploads.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlencode

from sqlalchemy import text

from marketplace.catalogue.snapshot import CatalogueSnapshot
from marketplace.changes import PUBLIC, Cursors
from marketplace.db import Database, upgrade
from marketplace.entries import ListCaches
from marketplace.search.indexer import SearchIndexer
from marketplace.search.postgresql_engine import PostgresqlEngine
from tests.benchmarks.bulk import ADJECTIVES, LOADING, PURPOSES, SYSTEMS, fill, multiply_postgresql
from tests.benchmarks.figures import Figure, percentile, table
from tests.benchmarks.http_load import ask, get, post
from tests.benchmarks.processes import processor_seconds
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import PostgresServer, find_binaries
from tests.functional.running import RunningServer, running_server

#: More entries than this are copies of so many: making each by itself takes too long.
_MADE = 100_000
#: Goals at a million entries: seconds of the processor, MiB, and milliseconds.
_START, _MEMORY, _WORDS, _FACETS, _UPLOAD = 15.0, 286, 30.0, 60.0, 250.0
#: Seconds of the processor that a node with nothing to do needs in a second, at the most.
_IDLE = 0.05
#: An entry at the largest size beside the smallest one.
_ENTRY = 1.2


def run(
    sizes: tuple[int, ...] = (10_000, 100_000), rounds: int = 60, uploads: int = 100, keep: Path | None = None
) -> list[Figure]:
    """Measure a node beside databases of several sizes, the smallest first.

    Args:
        keep: a directory to which the user postgres has access; what is in it is used again.
    """
    binaries = find_binaries()
    if binaries is None:
        return [Figure("PostgreSQL", "not installed")]
    figures: list[Figure] = []
    entry: list[float] = []
    for size in sizes:
        with _directory(keep, size) as directory:
            server = PostgresServer(binaries, directory)
            # There when a database was made to its end.
            node = directory / "node"
            if not node.exists():
                _make(server, directory, size)
                node.mkdir()
            server.launch()
            try:
                figures += _node(server.url_of("test_1"), node, size, rounds, uploads, entry)
            finally:
                server.stop("fast")
    return figures


@contextmanager
def _directory(keep: Path | None, size: int) -> Iterator[Path]:
    if keep is not None:
        (keep / str(size)).mkdir(parents=True, exist_ok=True)
        yield keep / str(size)
        return
    made = Path(tempfile.mkdtemp(prefix="mp-pg-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def _make(server: PostgresServer, directory: Path, size: int) -> None:
    """Make a database of so many entries, in place of one that was begun."""
    shutil.rmtree(directory / "data", ignore_errors=True)
    server.start(LOADING)
    try:
        _fill(server.create_database(), size)
    finally:
        server.stop("fast")


def _fill(url: str, size: int) -> None:
    # The bulk entries' bytes are no XML, and each would be reported.
    logging.getLogger("marketplace.search.loading").setLevel(logging.CRITICAL)
    upgrade(url)
    database = Database.open(url)
    try:
        fill(database, min(size, _MADE))
        SearchIndexer.open(database, PostgresqlEngine(database)).rebuild(lambda log, done, size: None)
    finally:
        database.close()
    multiply_postgresql(url, max(1, size // _MADE))
    database = Database.open(url)
    try:
        # What a node does once for each entry that comes was done long ago.
        with database.write() as session:
            for follower in ("verdicts", "conflicts", "events"):
                Cursors(session).move(follower, PUBLIC, size)
    finally:
        database.close()


def _node(url: str, data: Path, size: int, rounds: int, uploads: int, entry: list[float]) -> Iterator[Figure]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        without = process.submit(_read, url, data).result()
    # The worker, which publishes the log and fills the index of words, has a process of its own there.
    settings = {"database_url": url, "role": "web", "search_engine": "postgresql", "query_enabled": "false"}
    with running_server(data, **settings) as server:
        busy, begun = processor_seconds(server.process.pid), _memory(server.process.pid)
        large = size >= 1_000_000
        yield Figure(
            f"{size} entries, start to ready",
            f"{busy:.1f} s of the processor",
            f"{without:.1f} s to read the catalogue without its file",
            busy / without,
            f"< {_START:.0f} s",
            busy < _START,
        )
        _settle(server)
        database = Database.open(url)
        paths = _paths(database, size, rounds)
        database.close()
        with _asked(server, [get(path) for path in paths]) as (times, own):
            entry.append(statistics.median(times))
            yield Figure(
                f"{size} entries, one entry",
                f"p50 {entry[-1]:.1f} ms, p99 {percentile(times, 0.99):.1f} ms ({own})",
                f"the smallest size: p50 {entry[0]:.1f} ms",
                entry[-1] / entry[0],
                f"<= {_ENTRY}",
                entry[-1] / entry[0] <= _ENTRY,
            )
        for what, draw, goal in _QUESTIONS:
            chance = random.Random(7)
            with _asked(server, [get(draw(chance)) for _ in range(rounds)]) as (times, own):
                middle = statistics.median(times)
                yield Figure(
                    f"{size} entries, {what}",
                    f"p50 {middle:.1f} ms, p99 {percentile(times, 0.99):.1f} ms ({own})",
                    goal=f"p50 < {goal:.0f} ms",
                    met=middle < goal,
                )
        identity = make_identity(key="rsa2048")
        documents = [signed(image(content=token_hex(), title=f"Scale {n}"), identity) for n in range(uploads)]
        with _asked(server, [post("/metadata", one) for one in documents], b"201") as (times, own):
            slow = percentile(times, 0.99)
            yield Figure(
                f"{size} entries, upload",
                f"p50 {statistics.median(times):.1f} ms, p99 {slow:.1f} ms ({own})",
                goal=f"p99 < {_UPLOAD:.0f} ms",
                met=slow < _UPLOAD,
            )
        _settle(server)
        resident, of_files = _memory(server.process.pid)
        yield Figure(
            f"{size} entries, memory of the node after all that",
            f"{resident} MiB, of which {of_files} are files, which the system may drop",
            f"{begun[0]} MiB when it was ready, of which {begun[1]} were files",
            goal=f"< {_MEMORY} MiB" if large else "",
            met=resident < _MEMORY if large else None,
        )


def _settle(server: RunningServer) -> None:
    """Wait until what a start or the requests before leave to do is done."""
    before = processor_seconds(server.process.pid)
    for _ in range(1200):
        time.sleep(1)  # what is waited for shows in the time of the processor only
        now = processor_seconds(server.process.pid)
        if now - before < _IDLE:
            return
        before = now


def _read(url: str, data: Path) -> float:
    """Read the catalogue as a first start does, and write its file.

    Returns:
        seconds of the processor that reading took.
    """
    database, caches = Database.open(url), ListCaches()
    try:
        snapshot = CatalogueSnapshot(database, caches.catalogue, data)
        snapshot.restore()
        busy = time.process_time()
        caches.catalogue.warm_up(database)
        busy = time.process_time() - busy
        snapshot.store()
        return busy
    finally:
        database.close()


def _paths(database: Database, size: int, count: int) -> list[str]:
    """Where some entries are, from all over the log."""
    chance = random.Random(3)
    wanted = [chance.randrange(1, size + 1) for _ in range(count)]
    named = text("SELECT identifier, email, to_char(to_timestamp(created) AT TIME ZONE 'UTC', :form)"
                 " FROM entry WHERE id = ANY(:keys)")  # fmt: skip
    with database.read() as session:
        rows = session.execute(named, {"keys": wanted, "form": 'YYYY-MM-DD"T"HH24:MI:SS"Z"'})
        return ["/metadata/" + "/".join(row) for row in rows]


def _list(chance: random.Random) -> str:
    """A table page with two filters and a word."""
    words = (chance.choice(SYSTEMS).split()[0], f"{chance.randrange(5, 25)}.{chance.randrange(10)}",
             str(chance.randrange(100_000)), chance.choice(PURPOSES).split()[0][:4])  # fmt: skip
    asked = {"location": "web", "status": "valid", "sSearch": chance.choice(words)}
    return "/metadata?media=json&iDisplayLength=25&" + urlencode(asked)


def _search(chance: random.Random) -> str:
    words = f"{chance.choice(SYSTEMS).split()[0]} {chance.choice((*PURPOSES, *ADJECTIVES))}"
    return "/api/v1/search?" + urlencode({"q": words, "arch": "x86_64", "status": "valid"})


def _facets(chance: random.Random) -> str:
    asked = {"os": chance.choice(SYSTEMS), "arch": chance.choice(("x86_64", "i686", "aarch64"))}
    return "/api/v1/search?" + urlencode(asked)


_QUESTIONS: tuple[tuple[str, Callable[[random.Random], str], float], ...] = (
    ("list with two filters and a word", _list, _WORDS),
    ("search with two filters, words of the engine and facets", _search, _FACETS),
    ("two filters and facets", _facets, _FACETS),
)


@contextmanager
def _asked(
    server: RunningServer, requests: list[bytes], status: bytes = b"200"
) -> Iterator[tuple[list[float], str]]:
    """Milliseconds of each request, one after the other, and what the node used for one on average."""
    times, refused = [], 0
    with server.connect() as sock:
        busy = processor_seconds(server.process.pid)
        for request in requests:
            started = time.perf_counter()
            answer = ask(sock, request)
            times.append((time.perf_counter() - started) * 1000)
            is_late = b"search.unavailable" in answer
            refused += is_late
            assert answer.split(b" ")[1] == status or is_late, answer
        busy = processor_seconds(server.process.pid) - busy
    told = f"node {1000 * busy / len(requests):.1f} of the processor"
    yield times, told + (f", {refused} took too long" if refused else "")


def _memory(pid: int) -> tuple[int, int]:
    """MiB in memory, and of them those that are parts of files as they are on disk."""
    told = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told["VmRSS"].split()[0]) // 1024, int(told["RssFile"].split()[0]) // 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--keep", type=Path, help="directory of databases that are used again")
    given = parser.parse_args()
    sizes = tuple(int(size) for size in given.sizes.split(","))
    print(table(run(sizes, keep=given.keep)))


if __name__ == "__main__":
    main()
