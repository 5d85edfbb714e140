"""Replication as it runs all day: the lag between three sites under load, and what thirty quiet peers cost.

Lag: three real servers that follow each other; uploads at a steady pace at each in
turn; from the answer to an upload until the entry is in the databases of both others.
Idle: a real server that follows thirty sites with nothing new, which one small server
plays; its processor time over half a minute.

``python -m tests.benchmarks.bench_replication``
"""

from __future__ import annotations

import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from marketplace.db import Database
from marketplace.ingest.service import utc_now
from marketplace.models import Change, Entry
from marketplace.peers.registry import Peers
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.merkle import EMPTY_ROOT
from marketplace.tlog.note import SigningKey
from tests.benchmarks.figures import Figure, percentile, table
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.sites import Site, sites, until
from validators import accept

RATE = 20
QUIET_PEERS = 30


def run(uploads: int = 400, idle_seconds: float = 30.0) -> list[Figure]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="bench-replication-") as directory:
        return [lag(Path(directory), uploads), idle(Path(directory), idle_seconds)]


def lag(directory: Path, uploads: int) -> Figure:
    """The lag between three sites under a steady load."""
    identity = make_identity()
    documents = [signed(image(content=f"lag {n}"), identity) for n in range(uploads + 3)]
    (directory / "lag").mkdir()
    with sites(directory / "lag", 3) as three:
        for one, other in itertools.permutations(three, 2):
            one.follow(other)
        for number, site in enumerate(three):
            site.upload(documents.pop())
            until(lambda count=number + 1: all(_size(one) == count for one in three), "they follow")
        watches = [_Watch(site) for site in three]
        acknowledged = _upload_steadily(three, documents[:uploads])
        until(lambda: all(_size(site) == uploads + 3 for site in three), "everything is everywhere")
        seen = [watch.stop() for watch in watches]
    lags = [
        max(0.0, max(at.get(entry_id, float("inf")) for at in seen) - moment)
        for entry_id, moment in acknowledged.items()
    ]
    return Figure(
        f"lag between three sites at {RATE} uploads/s: from the answer to both others",
        f"p50 {percentile(lags, 0.5) * 1000:.0f} ms, p99 {percentile(lags, 0.99) * 1000:.0f} ms",
        goal="p99 <= 500 ms",
        met=percentile(lags, 0.99) <= 0.5,
    )


def idle(directory: Path, seconds: float) -> Figure:
    """What thirty peers without anything new cost."""
    with quiet_peers(QUIET_PEERS) as (url, keys), sites(directory, 1) as (site,):
        base = _processor_seconds(site, seconds)
        with site.database() as database, database.write() as session:
            for number, key in enumerate(keys):
                Peers(session).add(f"{url}/{number}", key.verifier, None, utc_now())
        until(
            lambda: sum(log.succeeded_at is not None for log in _followed(site)) == QUIET_PEERS,
            "all peers were read",
        )
        spent = max(0.0, _processor_seconds(site, seconds) - base)
    share = spent / seconds
    return Figure(
        f"{QUIET_PEERS} peers with nothing new, asked every 5 s",
        f"{share * 100:.2f} % of a core, {spent / (QUIET_PEERS * seconds / 5) * 1000:.2f} ms a poll",
        f"{base / seconds * 100:.2f} % without peers",
        goal="< 2 %",
        met=share < 0.02,
    )


class _Watch:
    """Notes when each entry shows in a site's database."""

    def __init__(self, site: Site) -> None:
        self._url = f"sqlite:///{site.data / 'marketplace.sqlite'}"
        self._seen: dict[str, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        self._end.set()
        self._thread.join(60)
        return self._seen

    def _run(self) -> None:
        database, after = Database.open(self._url), -1
        try:
            while not self._end.is_set():
                with database.read() as session:
                    rows = session.execute(
                        select(Change.sequence, Entry.entry_id)
                        .join(Entry, Entry.id == Change.entry_key)
                        .where(Change.sequence > after)
                        .order_by(Change.sequence)
                    ).all()
                for sequence, entry_id in rows:
                    after = sequence
                    self._seen[entry_id] = time.monotonic()
                self._end.wait(0.01)
        finally:
            database.close()


def _upload_steadily(three: list[Site], documents: list[bytes]) -> dict[str, float]:
    acknowledged: dict[str, float] = {}

    def upload(number: int, data: bytes) -> None:
        three[number % 3].upload(data)
        acknowledged[accept(data).entry_id] = time.monotonic()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for number, data in enumerate(documents):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))  # the pace is what is asked for
            pool.submit(upload, number, data)
    assert len(acknowledged) == len(documents)
    return acknowledged


def _size(site: Site) -> int:
    with site.database() as database, database.read() as session:
        return len(session.execute(select(Change.sequence)).all())


def _followed(site: Site) -> list[object]:
    with site.database() as database, database.read() as session:
        return Peers(session).logs()


def _processor_seconds(site: Site, seconds: float) -> float:
    """Processor time that a server uses in some seconds of being left alone."""
    assert site.server is not None
    stat = Path(f"/proc/{site.server.process.pid}/stat")

    def used() -> float:
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before = used()
    time.sleep(seconds)  # the time is what is measured
    return used() - before


@contextmanager
def quiet_peers(count: int) -> Iterator[tuple[str, list[SigningKey]]]:
    """One server that plays sites with empty logs, told apart by the beginning of the path."""
    keys = [SigningKey(f"mp-{n}.example", Ed25519PrivateKey.generate()) for n in range(count)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number, _, path = self.path[1:].partition("/")
            key = keys[int(number)]
            if path.startswith(".well-known"):
                logs = [{"log": "public", "origin": f"{key.name}/public"}]
                self._send("application/json", json.dumps({"origin": key.name, "logs": logs}).encode())
            elif path.endswith("/digest"):
                self._send("application/json", b'{"digest":"","count":0,"parts":{}}')
            elif self.headers.get("If-None-Match"):
                self.send_response(304)
                self.end_headers()
            else:
                head = Checkpoint(f"{key.name}/public", 0, EMPTY_ROOT)
                self._send("text/plain", sign_checkpoint(head, key).to_bytes())

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("ETag", '"0"')):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", keys
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


if __name__ == "__main__":
    print(table(run()))  # noqa: T201 # what the command is for
