"""What one entry, one upload, one poll and one more web node cost, for the sums of docs/scale.md.

Really signed entries and real server processes. Processor time as the kernel counts it, of the server and of
PostgreSQL together, so that it stays true while a machine does other things too; rates are beside it.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import text

from marketplace.db import Database, upgrade
from marketplace.federation.keys import create_keys
from tests.benchmarks.figures import Figure
from tests.benchmarks.http_load import ask, each_once, get, post
from tests.benchmarks.processes import processor_seconds
from tests.benchmarks.two_nodes import compare, measure
from tests.benchmarks.wrk import MISSING, find_wrk
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import PostgresServer, find_binaries
from tests.functional.running import RunningServer, start
from validators import accept
from validators.document import AcceptedEntry

#: Cloud sites, and seconds between two questions of each.
SITES, POLL = 100, 0.5
#: Requests a minute: more than are made here. A tenth of them, of which other nodes are told, is used.
COUNTED = 200_000
#: An entry with what publishers usually say: about 6 kB with its signature.
SAID = {
    "description": "A plain image for batch work. " * 12,
    "locations": ("https://images.example.org/a.raw",),
}


def run(entries: int = 1000, seconds: float = 10.0) -> list[Figure]:
    """Measure everything.

    Args:
        entries: that are uploaded.
        seconds: of polling, and of reading from each set of nodes.
    """
    identity = make_identity()
    documents = [
        signed(image(content=f"node {n}", title=f"Node {n}", **SAID), identity) for n in range(entries)
    ]
    size = sum(map(len, documents)) / entries
    floor = _accepting(documents[:100])
    figures = [Figure("bytes of a signed entry, as it is uploaded", f"{size:.0f} B")]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-nodes-")))
        url = f"sqlite:///{folder / 'marketplace.sqlite'}"
        upgrade(url)
        with _node(folder / "sqlite", url) as server:
            figures += _uploads("SQLite", [server.process.pid], url, server, documents, size, floor)
        found = stack.enter_context(_postgres())
        if found is None:
            return [*figures, Figure("PostgreSQL", "not measured: no server here")]
        postgres, main = found
        url = postgres.create_database()
        upgrade(url)
        for name in ("worker", "web1", "web2"):
            (folder / name).mkdir()
        create_keys(folder / "worker", "bench.example.org")
        for name in ("web1", "web2"):
            shutil.copytree(folder / "worker" / "federation", folder / name / "federation")
        worker = stack.enter_context(_node(folder / "worker", url, "worker"))
        one = stack.enter_context(_node(folder / "web1", url, "web"))
        spent = [one.process.pid, worker.process.pid, main]
        figures += _uploads("PostgreSQL", spent, url, one, documents, size, floor)
        figures += _polls(one, [one.process.pid, main], seconds, floor)
        two = stack.enter_context(_node(folder / "web2", url, "web"))
        entry = accept(documents[0])
        figures += compare([one, two], [main, worker.process.pid], entry, seconds / 2)
        for server in (one, two):
            server.stop()  # stopping again does nothing
        figures += _counting(folder, url, main, entry, seconds / 3)
    return figures


@contextmanager
def _postgres() -> Iterator[tuple[PostgresServer, int] | None]:
    """A server of its own and the process that all of its others come from."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    server = PostgresServer(binaries, folder)
    try:
        server.start()
        yield server, int((folder / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _node(folder: Path, url: str, role: str = "all", **said: str) -> Iterator[RunningServer]:
    folder.mkdir(exist_ok=True)
    engine = "postgresql" if url.startswith("postgresql") else "whoosh"
    settings = {"database_url": url, "role": role, "search_engine": engine, "query_enabled": "false"}
    server = start(folder, **settings, **said, log_level="warning")
    try:
        yield server
    finally:
        server.stop()


def _size(url: str) -> int:
    with closing(Database.open(url)) as database:
        database.drop_history()
        if database.dialect == "sqlite":
            return Path(url.removeprefix("sqlite:///")).stat().st_size
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _accepting(documents: Sequence[bytes]) -> float:
    """Seconds of the processor that acceptance of an entry takes, for what else is done to it."""
    before = time.process_time()
    for document in documents:
        accept(document)
    return (time.process_time() - before) / len(documents)


def _beside(seconds: float, floor: float) -> tuple[str, float]:
    return f"acceptance of one entry: {floor * 1000:.2f} ms", seconds / floor


def _uploads(
    name: str,
    spent: Sequence[int],
    url: str,
    server: RunningServer,
    documents: Sequence[bytes],
    size: float,
    floor: float,
) -> Iterator[Figure]:
    before, used = _size(url), sum(map(processor_seconds, spent))
    each_once(server.port, [post("/metadata", one) for one in documents], b"201", clients=4)
    time.sleep(2)  # what follows the log is a part of an upload's cost
    used = (sum(map(processor_seconds, spent)) - used) / len(documents)
    grown = (_size(url) - before) / len(documents)
    yield Figure(
        f"{name}: processor time of an upload, with what follows it",
        f"{used * 1000:.1f} ms",
        *_beside(used, floor),
    )
    yield Figure(
        f"{name}: the database grows by, for each entry", f"{grown:.0f} B", f"{size:.0f} B", grown / size
    )


def _polls(server: RunningServer, spent: Sequence[int], seconds: float, floor: float) -> Iterator[Figure]:
    """The question whether a log has grown, which a cloud site asks again and again."""
    request = get("/fed/v1/logs/public/checkpoint")
    before = sum(map(processor_seconds, spent))
    time.sleep(seconds)  # the time that is measured
    idle = sum(map(processor_seconds, spent)) - before
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(SITES)]
    before, asked = sum(map(processor_seconds, spent)), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        turn = time.monotonic()
        for connection in connections:
            assert b" 200 " in ask(connection, request)[:16]
            asked += 1
        time.sleep(max(0.0, POLL - (time.monotonic() - turn)))  # as a site polls
    used = sum(map(processor_seconds, spent)) - before - idle
    for connection in connections:
        connection.close()
    share = used / asked * SITES / POLL
    yield Figure("processor time of a poll", f"{used / asked * 1000:.2f} ms", *_beside(used / asked, floor))
    yield Figure(
        f"{SITES} cloud sites that ask every {POLL} s",
        f"{share * 100:.0f} % of a core",
        goal="< 20 %",
        met=share < 0.2,
    )


def _counting(
    folder: Path, url: str, postgres: int, entry: AcceptedEntry, seconds: float
) -> Iterator[Figure]:
    """What it costs that two nodes tell each other how often an address asked."""
    if find_wrk() is None:
        yield Figure("requests that nodes count together", MISSING)
        return
    costs = {}
    for how in ("alone", "together"):
        said = {"limit_counted": how, "limit_address": str(COUNTED)}
        with (
            _node(folder / "web1", url, "web", **said) as one,
            _node(folder / "web2", url, "web", **said) as two,
        ):
            path = f"/metadata/{entry.coordinates.path()}"
            served = measure([one, two], postgres, path, "application/rdf+xml", seconds)
        costs[how] = served.served
    yield Figure(
        "processor time of an entry where two nodes count its readers together, PostgreSQL included",
        f"{costs['together'] * 1e6:.0f} us",
        f"where each counts alone: {costs['alone'] * 1e6:.0f} us",
        costs["together"] / costs["alone"],
    )
