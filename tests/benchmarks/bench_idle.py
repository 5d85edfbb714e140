"""What a server costs that has nothing to do: alone, and while it follows thirty sites without anything new.

Processor time as the kernel counts it, over a minute, so that what happens once a minute
is in it. One small server plays the thirty sites, cosigns as they would, and counts how
often it was asked.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.moments import utc_now
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.checkpoint import Checkpoint, cosign, sign_checkpoint
from marketplace.tlog.merkle import EMPTY_ROOT
from marketplace.tlog.note import SigningKey, parse_note
from marketplace.tlog.proof import parse_witness_request
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import processor_seconds
from tests.functional.sites import Site, sites, until

PEERS = 30


def run(seconds: float = 60.0) -> list[Figure]:
    """Measure both for that long each."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-idle-") as directory,
        quiet_peers(PEERS) as quiet,
        sites(Path(directory), 1) as (site,),
    ):
        until(lambda: _published(site), "the log is published")
        alone = _spent(site, seconds) / seconds
        _follow(site, quiet)
        polls, connections = quiet.polls, quiet.connections
        spent = _spent(site, seconds)
        polls, connections = quiet.polls - polls, quiet.connections - connections
    share = spent / seconds
    return [
        Figure("a server with nothing to do and no peers", f"{alone * 100:.2f} % of a core"),
        Figure(
            f"the same with {PEERS} peers with nothing new, asked every 5 s: everything it uses",
            f"{share * 100:.2f} % of a core",
            f"{alone * 100:.2f} % without peers",
            share / alone,
            "< 2 %",
            share < 0.02,
        ),
        Figure(
            "... what following adds, for a poll",
            f"{max(0.0, share - alone) * seconds / polls * 1000:.2f} ms of processor time",
            f"{polls} polls over {connections} new connections; a prototype took 1.1 ms",
        ),
    ]


class QuietPeers:
    """Sites with empty logs, told apart by the beginning of the path, and how often they were asked.

    Args:
        keys: of each.
    """

    def __init__(self, keys: list[SigningKey]) -> None:
        self.keys = keys
        self.url = ""
        self.polls = 0
        self.connections = 0


def _follow(site: Site, quiet: QuietPeers) -> None:
    """Make all of them peers of a site, and wait until it knows of each that there is nothing new."""
    with site.database() as database, database.write() as session:
        for number, key in enumerate(quiet.keys):
            Peers(session).add(f"{quiet.url}/{number}", key.verifier, None, utc_now())

    def compared() -> int:
        with site.database() as database, database.read() as session:
            return sum(log.compared_at is not None for log in FollowedLogs(session).all())

    until(lambda: compared() == len(quiet.keys), "all peers were read")


def _published(site: Site) -> bool:
    assert site.server is not None
    with site.server.client() as http:
        return http.get("/fed/v1/logs/public/checkpoint").status_code == 200


def _spent(site: Site, seconds: float) -> float:
    """Processor time that a server uses in some seconds of being left alone."""
    assert site.server is not None
    before = processor_seconds(site.server.process.pid)
    time.sleep(seconds)  # the time is what is measured
    return processor_seconds(site.server.process.pid) - before


@contextmanager
def quiet_peers(count: int) -> Iterator[QuietPeers]:
    """One server that plays that many sites."""
    keys = [SigningKey(f"mp-{n}.example", Ed25519PrivateKey.generate()) for n in range(count)]
    quiet = QuietPeers(keys)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            quiet.connections += 1

        def do_GET(self) -> None:
            number, _, path = self.path[1:].partition("/")
            key = keys[int(number)]
            if path.startswith(".well-known"):
                logs = [{"log": "public", "origin": f"{key.name}/public"}]
                self._send("application/json", json.dumps({"origin": key.name, "logs": logs}).encode())
            elif path.endswith("/digest"):
                self._send("application/json", b'{"digest":"","count":0,"parts":{}}')
            elif path.startswith("fed/v1/witness/"):
                self.send_error(404)
            elif self.headers.get("If-None-Match"):
                quiet.polls += 1
                self.send_response(304)
                self.end_headers()
            else:
                head = Checkpoint(f"{key.name}/public", 0, EMPTY_ROOT)
                self._send("text/plain", sign_checkpoint(head, key).to_bytes())

        def do_POST(self) -> None:
            key = keys[int(self.path[1:].partition("/")[0])]
            shown = parse_witness_request(self.rfile.read(int(self.headers["Content-Length"])))
            line = cosign(parse_note(shown.checkpoint).text, key, int(time.time()))
            self._send("text/plain", str(line).encode())

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("ETag", '"0"')):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    quiet.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield quiet
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
