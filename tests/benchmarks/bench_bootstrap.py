"""A new site takes in the whole log of another one: real server processes on loopback.

The serving site is filled and publishes before its server starts, both servers are
ready before the new site hears of the other, and the clock runs from the first request
that it sends until its frontier is the signed root and nothing is wanted: everything
accepted in full, stored and durable, nothing indexed.

Processor time counts whatever else the machine does less than the clock: the sum over
both servers and the verifying processes, for an entry, tells the rate that two
processors allow at most. Beside it stands acceptance alone, of the same run.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from marketplace.changes import PUBLIC
from marketplace.db import upgrade
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import create_keys
from marketplace.ingest import IngestResult, IngestService, Page, UploadPolicy
from marketplace.moments import utc_now
from marketplace.peers.limits import PAGE_ROWS
from marketplace.peers.registry.followed_logs import FollowedLogs
from tests.benchmarks.bulk import ADJECTIVES, PURPOSES, SYSTEMS
from tests.benchmarks.figures import Figure
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import Beside
from tests.functional.running import free_port
from tests.functional.sites import Site, until
from validators import accept
from validators.document import AcceptedEntry

PROCESSORS = 2
GOAL = 1500
_CHUNK = 500
_ENOUGH = 3600.0


@dataclass(frozen=True)
class Measured:
    """What a bootstrap took.

    Args:
        seconds: from the first request to the last commit.
        serving, storing, proving: processor seconds of the two servers and of the verifying processes.
        received: bytes over the network.
        memory: peak MiB of the new site's server and its processes together.
        serving_memory: peak MiB of the other server.
    """

    seconds: float
    serving: float
    storing: float
    proving: float
    received: int
    memory: float
    serving_memory: float


def run(number: int = 30_000) -> list[Figure]:
    """Bootstrap of ``number`` entries."""
    entries = make_entries(number)
    alone = _acceptance([one.data for one in entries[: min(1000, number)]])
    with tempfile.TemporaryDirectory(prefix="bench-bootstrap-") as directory:
        full, new = (_make_site(Path(directory), name) for name in "ab")
        fill(full, entries)
        measured = bootstrap(full, new, number)
    return figures(measured, number, sum(len(one.data) for one in entries), alone)


def figures(measured: Measured, number: int, size: int, alone: float) -> list[Figure]:
    """The report.

    Args:
        size: bytes of all entries.
        alone: processor seconds that acceptance takes for an entry.
    """
    parts = {
        "the serving site": measured.serving,
        "judging, storing and everything else at the new site": measured.storing,
        "acceptance in its processes, their start included": measured.proving,
    }
    whole = sum(parts.values()) / number
    rate, possible = number / measured.seconds, PROCESSORS / whole
    received = measured.received / number
    return [
        Figure(
            f"bootstrap of {number} entries by the clock, accepted and durable",
            f"{rate:.0f}/s",
            f"{1 / alone:.0f}/s acceptance alone, one process",
            rate * alone,
            f">= {GOAL}/s",
            rate >= GOAL,
        ),
        Figure(
            f"the most that {PROCESSORS} processors can do at this processor time",
            f"{possible:.0f}/s",
            f"{PROCESSORS / alone:.0f}/s acceptance alone",
            possible * alone / PROCESSORS,
            f">= {GOAL}/s",
            possible >= GOAL,
        ),
        Figure(
            "processor time for an entry, all processes",
            f"{whole * 1e6:.0f} us",
            f"{alone * 1e6:.0f} us acceptance alone",
            whole / alone,
        ),
        *(
            Figure(f"of this, {name}", f"{seconds / number * 1e6:.0f} us", ratio=seconds / number / alone)
            for name, seconds in parts.items()
        ),
        Figure(
            "bytes over the network for an entry",
            f"{received:.0f}",
            f"{size / number:.0f} bytes of the entry",
            measured.received / size,
            "<= 1360",
            received <= 1360,
        ),
        Figure(
            "memory of the new site's server and its processes, at the most",
            f"{measured.memory:.0f} MiB",
            f"{measured.serving_memory:.0f} MiB the serving site",
            goal="< 512 MiB",
            met=measured.memory < 512,
        ),
    ]


def make_entries(count: int) -> list[AcceptedEntry]:
    """Really signed entries of plausible size by a few endorsers, in random order; made by two processes."""
    chunks = [(n, min(_CHUNK, count - n * _CHUNK)) for n in range(-(-count // _CHUNK))]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        entries = [one for made in pool.map(_make_chunk, chunks) for one in made]
    random.Random(1).shuffle(entries)
    return entries


def _make_chunk(chunk: tuple[int, int]) -> list[AcceptedEntry]:
    seed, count = chunk
    chance = random.Random(seed)
    identity = make_identity(key="rsa2048" if seed % 2 else "p256", email=f"endorser{seed}@example.org")
    made = []
    for number in range(count):
        system, purpose = chance.choice(SYSTEMS), chance.choice(PURPOSES)
        said = image(
            content=f"image {seed} {number}",
            title=f"{system} {purpose} {number} of endorser {seed}",
            description=f"A {chance.choice(ADJECTIVES)} {system} image for a {purpose}, built "
            f"{chance.randrange(10_000)} times, {chance.choice(ADJECTIVES)} and without passwords.",
            os=system,
            os_version=f"{chance.randrange(5, 25)}.{chance.randrange(10)}",
        )
        made.append(accept(signed(said, identity)))
    return made


def fill(site: Site, entries: Sequence[AcceptedEntry]) -> None:
    """Put accepted entries into a site that does not run, and publish them."""
    with site.database() as database:
        with closing(IngestService(database, UploadPolicy())) as ingest:
            for start in range(0, len(entries), PAGE_ROWS):
                page = Page(entries[start : start + PAGE_ROWS], PUBLIC, Beside())
                outcomes = ingest.enqueue_page(page).result(_ENOUGH)
                assert all(isinstance(one, IngestResult) and one.outcome == "created" for one in outcomes)
        integrator = Integrator(database, site.keys, utc_now)
        while integrator.step():
            pass


def bootstrap(full: Site, new: Site, number: int) -> Measured:
    """Let a new site follow a full one until it has everything."""
    with _running(full), _running(new):
        assert full.server is not None
        assert new.server is not None
        serving, storing = full.server.process.pid, new.server.process.pid
        before = [_processor_seconds(pid) for pid in (serving, storing)]
        new.follow(full)
        _await_proven(new, number)
        until(lambda: _is_whole(new, full, number), "everything is at the new site", _ENOUGH)
        end = datetime.now(UTC)
        proving = _children(storing)
        after = [_processor_seconds(pid) for pid in (serving, storing)]
        return Measured(
            seconds=(end - _first_request(full)).total_seconds(),
            serving=after[0] - before[0],
            storing=after[1] - before[1],
            proving=sum(map(_processor_seconds, proving)),
            received=new.followed(full)[0].received,
            memory=sum(map(_peak_memory, (storing, *proving))),
            serving_memory=_peak_memory(serving),
        )


def _make_site(directory: Path, name: str) -> Site:
    data = directory / name
    data.mkdir()
    upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
    return Site(data, create_keys(data, f"mp-{name}.example"), free_port())


@contextmanager
def _running(site: Site) -> Iterator[None]:
    site.start()
    try:
        yield
    finally:
        site.stop()


def _await_proven(new: Site, number: int) -> None:
    """Wait until a frontier is that large, by a question that takes hardly any of the processors' time.

    To open the database and read all that is known of a peer took 4 ms, twenty times a second.
    """
    with new.database() as database, closing(database.glance()) as glance:
        until(
            lambda: glance.ask("SELECT coalesce(max(proven), 0) FROM peer_log")[0][0] >= number,
            "the new site has proven everything",
            _ENOUGH,
        )


def _is_whole(new: Site, full: Site, number: int) -> bool:
    """Whether the frontier is the signed root of everything, and nothing is wanted or rejected."""
    log = new.followed(full)[0]
    if log.trusted.proven.size < number:
        return False
    with new.database() as database, database.read() as session:
        return log.entries == number and FollowedLogs(session).trouble().get(log.id) is None


def _first_request(full: Site) -> datetime:
    """When the first request of a peer came: its log line has the end and the duration."""
    assert full.server is not None
    lines = [line for line in full.server.log_lines() if line.get("agent") == "marketplace-peer"]
    began = [
        datetime.fromisoformat(str(line["time"])).timestamp() - float(str(line["milliseconds"])) / 1000
        for line in lines
    ]
    return datetime.fromtimestamp(min(began), UTC)


def _acceptance(bodies: Sequence[bytes]) -> float:
    """Processor seconds that acceptance takes for one of these."""
    began = time.process_time()
    for body in bodies:
        accept(body)
    return (time.process_time() - began) / len(bodies)


def _processor_seconds(pid: int) -> float:
    """What a process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def _peak_memory(pid: int) -> float:
    """The most resident MiB that a process had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
