"""The HTTP surface: each figure beside a floor on the same server, in the same run."""

from __future__ import annotations

import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marketplace.db import Database
from tests.benchmarks.bulk import fill
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.http_load import ask, each_once, get, post, repeat
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, free_port, running_server
from tests.launching import ROOT
from validators import accept

CONNECTIONS = 8
CLIENTS = 8


def run(
    seconds: float = 0.5,
    rounds: int = 15,
    uploads: int = 400,
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000),
) -> list[Figure]:
    """Measure reads of an entry, uploads and list pages against real server processes.

    Args:
        seconds: of each measurement of reads.
        rounds: of reads, the application and its floor in turn; the median of the ratios counts, so
            that a machine that is busy for a moment slows both sides of a ratio.
        uploads: entries to upload.
        sizes: entries in the lists.
    """
    with tempfile.TemporaryDirectory(prefix="bench-http-") as name:
        base = Path(name)
        figures = [*_reads(base, seconds, rounds), *_uploads(base, uploads)]
        for size in sizes:
            figures += _lists(base / f"list-{size}", size)
    return figures


def _reads(base: Path, seconds: float, rounds: int) -> Iterator[Figure]:
    data = _documents(1)[0]
    (base / "entry.xml").write_bytes(data)
    with running_server(_directory(base / "reads")) as server, _bare(base / "entry.xml") as bare:
        path = f"/metadata/{accept(data).coordinates.path()}"
        with server.connect() as sock:
            ask(sock, post("/metadata", data))
            etag = ask(sock, get(path)).partition(b"Etag: ")[2].partition(b"\r\n")[0].decode()
        requests = {
            "entry": (server.port, get(path), b"200"),
            "304": (server.port, get(path, f"If-None-Match: {etag}\r\n"), b"304"),
            "verdict": (server.port, get(f"/api/v1/images/{accept(data).identifier}/verdict"), b"200"),
            "bare": (bare, get("/bare/" + path.removeprefix("/metadata/")), b"200"),
        }
        rates: dict[str, list[float]] = {name: [] for name in requests}
        for _ in range(rounds):
            for name, (port, request, status) in requests.items():
                load = repeat(port, request, status, connections=CONNECTIONS, seconds=seconds)
                rates[name].append(load.rate)
    rate = {name: statistics.median(values) for name, values in rates.items()}
    floor = f"bare Pyramid view {rate['bare']:.0f}/s"
    for name, what, goal in (
        ("entry", f"GET of an entry ({len(data)} bytes)", 0.8),
        ("304", "304 of an entry", 0.8),
        ("verdict", "verdict on an image by its identifier", 0.8),
    ):
        ratio = statistics.median(ours / bare for ours, bare in zip(rates[name], rates["bare"], strict=True))
        yield Figure(what, f"{rate[name]:.0f}/s", floor, ratio, f">= {goal}", ratio >= goal)


def _uploads(base: Path, number: int) -> Iterator[Figure]:
    documents = _documents(number)
    with running_server(_directory(base / "uploads")) as server:
        requests = [post("/metadata", data) for data in documents]
        load = each_once(server.port, requests, b"201", clients=CLIENTS)
    commits = _bare_commits(base / "floor.sqlite", documents[: min(200, number)])
    slowest = percentile(load.latencies, 0.99) * 1000
    yield Figure(
        f"upload, {CLIENTS} clients, SQLite FULL",
        f"{load.rate:.0f} entries/s",
        f"bare SQLite FULL commits {commits:.0f}/s",
        load.rate / commits,
        ">= 150 entries/s",
        load.rate >= 150,
    )
    yield Figure("upload p50", f"{statistics.median(load.latencies) * 1000:.0f} ms")
    yield Figure("upload p99", f"{slowest:.0f} ms", goal="< 250 ms", met=slowest < 250)


def _lists(directory: Path, size: int) -> Iterator[Figure]:
    # Without followers: building an index of so many new rows would be measured along.
    with running_server(_directory(directory), query_enabled="false", search_engine="off") as server:
        database = Database.open(server.database_url)
        fill(database, size)
        database.close()
        table_page = "/metadata?media=json&iDisplayLength=25&iDisplayStart={}"
        queries = {
            "table page with a search": f"{table_page}&sSearch=debian+server",
            "table page with filters": f"{table_page}&location=web&sSearch_1=ubuntu",
            "page for people": "/metadata?media=html&status=all&offset={}",
        }
        for name, query in queries.items():
            requests = [get(query.format(25 * (n % 8))) for n in range(80)]
            load = each_once(server.port, requests, b"200", clients=1)
            middle = statistics.median(load.latencies) * 1000
            yield Figure(f"{name}, {size} entries, p50", f"{middle:.1f} ms", goal="< 10 ms", met=middle < 10)
        yield Figure(f"server memory, {size} entries", f"{_resident_mib(server)} MiB")


def _documents(number: int) -> list[bytes]:
    """Really signed entries of about 6 kB about different images."""
    identity = make_identity(key="rsa2048")
    text = "An image for measurements. " * 110
    return [
        signed(image(content=f"bench {n}", title=f"Bench {n}", description=text), identity)
        for n in range(number)
    ]


def _bare_commits(file: Path, documents: list[bytes]) -> float:
    """Commits a second of one connection that inserts the same bytes, one row a transaction."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE body (data BLOB)")
    started = time.perf_counter()
    for data in documents:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO body VALUES (?)", (data,))
        connection.execute("COMMIT")
    took = time.perf_counter() - started
    connection.close()
    return len(documents) / took


@contextmanager
def _bare(file: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bare_app", str(port), str(file)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # it listens in a moment


def _directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _resident_mib(server: RunningServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024
