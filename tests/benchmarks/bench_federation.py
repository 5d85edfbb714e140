"""Replication between real server processes on loopback.

Bootstrap: a site with many signed entries, and an empty one that follows it; from
the first request to everything accepted, stored and durable. Beside it, in the same
run, what one process makes of the same bodies with acceptance alone.

``python -m tests.benchmarks.bench_federation [--entries 30000]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from marketplace.ingest import IngestService, Receipt, UploadPolicy
from tests.benchmarks.figures import Figure, table
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.sites import Site, sites, until
from validators import accept

_ENDORSERS = 40
_CHUNK = 500


def _documents(chunk: tuple[int, int]) -> list[bytes]:
    """Really signed documents of plausible size, by a few endorsers."""
    seed, count = chunk
    identity = make_identity(key="rsa2048" if seed % 2 else "p256", email=f"endorser{seed}@example.org")
    return [
        signed(
            image(
                content=f"image {seed} {n}",
                title=f"Image {n} of endorser {seed}",
                description="An image with everything that a small group needs for its work. " * 3,
                os="Ubuntu",
                os_version="24.04",
            ),
            identity,
        )
        for n in range(count)
    ]


def documents(count: int) -> list[bytes]:
    """``count`` documents, made by two processes."""
    chunks = [(n, min(_CHUNK, count - n * _CHUNK)) for n in range(-(-count // _CHUNK))]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return [one for made in pool.map(_documents, chunks) for one in made]


def fill(site: Site, bodies: list[bytes]) -> None:
    """Put entries into a site that is not running."""
    with site.database() as database:
        ingest = IngestService(database, UploadPolicy())
        try:
            for outcome in ingest.import_all(bodies):
                assert isinstance(outcome, Receipt), outcome
        finally:
            ingest.close()


def run(number: int = 30_000) -> list[Figure]:
    """Bootstrap of ``number`` entries."""
    bodies = documents(number)
    floor = _acceptance(bodies[: min(1000, number)])
    with (
        tempfile.TemporaryDirectory(prefix="bench-federation-") as directory,
        sites(Path(directory), 2) as made,
    ):
        a, b = made
        fill(a, bodies)
        until(lambda: _published(a) == number, "everything is published", 600)
        b.follow(a)
        until(lambda: b.followed(a)[0].trusted.reached.size > 0, "the first page is in", 600)
        before, began = b.followed(a)[0].trusted.reached.size, time.perf_counter()
        until(lambda: b.followed(a)[0].entries == number, "everything is at the other site", 1200)
        seconds = time.perf_counter() - began
        log = b.followed(a)[0]
        assert b.server is not None
        memory = _peak_memory(b.server.process.pid)
    rate = (number - before) / seconds
    return [
        Figure(
            f"bootstrap of {number} entries, accepted and durable",
            f"{rate:.0f}/s",
            f"{floor:.0f}/s acceptance alone, one process",
            rate / floor,
            ">= 1500/s",
            rate >= 1500,
        ),
        Figure(
            "bytes over the network for an entry",
            f"{log.received / number:.0f}",
            f"{sum(map(len, bodies)) / number:.0f} bytes of the entry",
            log.received * number / sum(map(len, bodies)) / number,
            "<= 1360",
            log.received / number <= 1360,
        ),
        Figure(
            "memory of the server and its processes, at the most",
            f"{memory:.0f} MiB",
            goal="< 512 MiB",
            met=memory < 512,
        ),
    ]


def _acceptance(bodies: list[bytes]) -> float:
    began = time.perf_counter()
    for body in bodies:
        accept(body)
    return len(bodies) / (time.perf_counter() - began)


def _published(site: Site) -> int:
    assert site.server is not None
    with site.server.client() as http:
        return int(http.get("/fed/v1/logs/public/checkpoint").text.split("\n")[1])


def _peak_memory(pid: int) -> float:
    """Peak resident MiB of a process, and of its children together."""
    everyone = [pid, *_children(pid)]
    return sum(_status(one, "VmHWM") for one in everyone) / 1024


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=30_000)
    print(table(run(parser.parse_args().entries)))  # noqa: T201 # what the command is for
