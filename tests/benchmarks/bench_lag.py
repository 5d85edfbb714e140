"""The lag between three sites under load, and where it goes.

Three real servers that follow each other; uploads at a steady pace at each in turn; from
the answer to an upload until the entry is in the databases of both others. Between the
two stands the moment when a checkpoint covers it: what comes before is the origin's own
doing, what comes behind is the way to the others. One thread reads all three databases
every two milliseconds, and only where something was committed.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.processes import Lateness, processor_seconds
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.sites import Site, sites, until
from validators import accept

RATE = 20
#: Seconds between two looks at the databases.
_LOOK = 0.002


@dataclass(frozen=True)
class Way:
    """An upload's way to the other two, each stage in seconds behind the answer to it."""

    published: float
    cosigned: float
    visible: float


@dataclass
class _Seen:
    """What was seen to happen at one site, and when."""

    #: By entry id: its sequence, and the moment.
    rows: dict[str, tuple[int, float]] = field(default_factory=dict)
    #: Sizes of its own log that were published.
    heads: list[tuple[int, float]] = field(default_factory=list)
    #: By origin: sizes that were cosigned here.
    cosigned: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def run(uploads: int = 400) -> list[Figure]:
    """Measure it with that many uploads."""
    identity = make_identity()
    documents = [signed(image(content=f"lag {n}"), identity) for n in range(uploads + 3)]
    with (
        tempfile.TemporaryDirectory(prefix="bench-lag-") as directory,
        sites(Path(directory), 3) as three,
    ):
        for one, other in itertools.permutations(three, 2):
            one.follow(other)
        for number, site in enumerate(three):
            site.upload(documents.pop())
            until(lambda count=number + 1: all(_size(one) == count for one in three), "they follow")
        before = _spent(three)
        with _Watch(three) as watch, Lateness() as lateness:
            answered = _upload_steadily(three, documents)
            until(lambda: all(_size(site) == uploads + 3 for site in three), "everything is everywhere")
        spent = _spent(three) - before
    ways = [watch.way(number % 3, entry_id, moment) for number, entry_id, moment in answered]
    return _figures(ways, lateness, spent / uploads, len(watch.seen[0].heads))


def _figures(ways: list[Way], lateness: Lateness, spent: float, heads: int) -> list[Figure]:
    visible = [way.visible for way in ways]
    slowest = sorted(ways, key=lambda way: way.visible)[-max(1, len(ways) // 20) :]
    return [
        Figure(
            f"lag between three sites at {RATE} uploads/s: from the answer to both others",
            f"{_times(visible)}, at most {max(visible) * 1000:.0f} ms",
            f"a thread wakes up late by p99 {lateness.percentile(0.99) * 1000:.0f} ms",
            goal="p99 <= 500 ms",
            met=percentile(visible, 0.99) <= 0.5,
        ),
        Figure("... until a checkpoint covers it", _times([way.published for way in ways])),
        Figure("... from there to both others", _times([way.visible - way.published for way in ways])),
        Figure("... from there until both cosigned", _times([way.cosigned - way.published for way in ways])),
        Figure(
            "... of the slowest twentieth: published, then visible",
            f"mean {_mean([way.published for way in slowest]):.0f} ms, "
            f"{_mean([way.visible - way.published for way in slowest]):.0f} ms",
        ),
        Figure(
            "... processor time of the three servers for an upload",
            f"{spent * 1000:.0f} ms",
            f"one site published {heads / len(ways):.2f} heads for an upload",
        ),
    ]


class _Watch:
    """Notes when each thing shows in the databases of some sites."""

    def __init__(self, watched: Sequence[Site]) -> None:
        self._sites = watched
        self.seen = [_Seen() for _ in watched]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def way(self, origin: int, entry_id: str, answered: float) -> Way:
        """The way of an entry that was uploaded at one of the sites."""
        home = self.seen[origin]
        name = f"{self._sites[origin].name}/public"
        others = [seen for number, seen in enumerate(self.seen) if number != origin]
        sequence = home.rows[entry_id][0]
        return Way(
            max(0.0, _when_above(home.heads, sequence) - answered),
            max(_when_above(seen.cosigned[name], sequence) for seen in others) - answered,
            max(0.0, max(seen.rows[entry_id][1] for seen in others) - answered),
        )

    def _run(self) -> None:
        databases = [sqlite3.connect(f"{site.data}/marketplace.sqlite") for site in self._sites]
        versions = [-1] * len(databases)
        while not self._end.is_set():
            for number, (database, seen) in enumerate(zip(databases, self.seen, strict=True)):
                (version,) = database.execute("PRAGMA data_version").fetchone()
                if version != versions[number]:
                    versions[number] = version
                    _note(database, seen)
            self._end.wait(_LOOK)
        for database, seen in zip(databases, self.seen, strict=True):
            _note(database, seen)
            database.close()


def _note(database: sqlite3.Connection, seen: _Seen) -> None:
    now = time.monotonic()
    rows = database.execute(
        "SELECT entry.entry_id, change.sequence FROM change JOIN entry ON entry.id = change.entry_key"
        " WHERE change.sequence >= ?",
        (len(seen.rows),),
    )
    seen.rows |= {entry_id: (sequence, now) for entry_id, sequence in rows}
    for (size,) in database.execute("SELECT size FROM tree"):
        _append(seen.heads, size, now)
    for origin, size in database.execute("SELECT origin, size FROM witnessed"):
        _append(seen.cosigned.setdefault(origin, []), size, now)


def _append(sizes: list[tuple[int, float]], size: int, now: float) -> None:
    if not sizes or sizes[-1][0] != size:
        sizes.append((size, now))


def _when_above(sizes: Sequence[tuple[int, float]], sequence: int) -> float:
    return next((moment for size, moment in sizes if size > sequence), float("inf"))


def _upload_steadily(three: Sequence[Site], documents: Sequence[bytes]) -> list[tuple[int, str, float]]:
    """Upload at the pace, to each in turn; number, entry id and the moment of the answer."""
    ids = [accept(data).entry_id for data in documents]
    with ThreadPoolExecutor(8) as pool, httpx.Client(trust_env=False, timeout=30) as http:

        def upload(number: int, data: bytes) -> tuple[int, str, float]:
            url = f"{three[number % 3].url}/metadata"
            answer = http.post(url, content=data, headers={"Content-Type": "text/xml"})
            moment = time.monotonic()
            assert answer.status_code == 201, answer.text
            return number, ids[number], moment

        answers = []
        began = time.monotonic()
        for number, data in enumerate(documents):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))  # the pace is what is asked for
            answers.append(pool.submit(upload, number, data))
        return [answer.result() for answer in answers]


def _size(site: Site) -> int:
    database = sqlite3.connect(f"{site.data}/marketplace.sqlite")
    try:
        return int(database.execute("SELECT count(*) FROM change").fetchone()[0])
    finally:
        database.close()


def _spent(three: Sequence[Site]) -> float:
    return sum(processor_seconds(site.server.process.pid) for site in three if site.server is not None)


def _times(seconds: list[float]) -> str:
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


def _mean(seconds: list[float]) -> float:
    """In milliseconds."""
    return sum(seconds) / len(seconds) * 1000
