"""A page of the list: what the store takes for it, with a thousand to a hundred thousand entries.

The process has read its log, as a server has when it says that it is ready; what
that takes is told. Every question is then asked twice in a row. When it is asked
first, neither its words nor its order were ever asked for: each round has words of
its own, and what is kept of earlier ones is dropped. Users page and sort, so most
questions are asked again. The floor is one row by its primary key through the bare
driver, which no list can reach.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from marketplace.access import ANONYMOUS
from marketplace.db import Database, upgrade
from marketplace.entries import (
    Column,
    Direction,
    EntryQuery,
    ListCaches,
    LocationFilter,
    StatusFilter,
    VisibleEntries,
)
from marketplace.entries.ordering import Orders
from tests.benchmarks.bulk import NOW, PURPOSES, SYSTEMS, fill
from tests.benchmarks.figures import Figure, percentile

#: Milliseconds that half of the pages may take.
GOAL = 10.0
PAGE = 20


def run(sizes: tuple[int, ...] = (1_000, 10_000, 100_000), rounds: int = 40) -> list[Figure]:
    """Measure lists of several sizes, each in a database filled anew."""
    return [figure for size in sizes for figure in _measure(size, rounds)]


def _measure(size: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-list-") as directory:
        file = Path(directory) / "store.sqlite"
        upgrade(f"sqlite:///{file}")
        database = Database.open(f"sqlite:///{file}")
        try:
            fill(database, size)
            before, busy_before = resident_mib(), time.process_time()
            caches = ListCaches()
            caches.catalogue.warm_up(database)
            yield Figure(
                f"{size} entries, reading the log at start",
                f"{time.process_time() - busy_before:.1f} s of the processor, "
                f"{resident_mib() - before} MiB more",
            )
            floor = _floor(file, size)
            for name, draw in QUESTIONS.items():
                first, again = ask(database, caches, draw, rounds)
                for which, times in (("asked first", first), ("asked again", again)):
                    elapsed, busy = zip(*times, strict=True)
                    middle, slow = percentile(elapsed, 0.5), percentile(elapsed, 0.99)
                    yield Figure(
                        f"{size} entries, {name}, {which}",
                        f"p50 {middle:.2f} ms (processor {percentile(busy, 0.5):.2f}), p99 {slow:.2f} ms",
                        f"{floor:.3f} ms for one row by key",
                        middle / floor,
                        f"p50 < {GOAL:.0f} ms",
                        middle < GOAL,
                    )
            yield Figure(f"{size} entries, memory", f"{resident_mib()} MiB, {before} MiB before the lists")
        finally:
            database.close()


def _by_state(chance: random.Random) -> EntryQuery:
    return EntryQuery(
        now=NOW,
        status=chance.choice(list(StatusFilter)),
        location=chance.choice(list(LocationFilter)),
        sort=chance.choice(list(Column)),
        direction=chance.choice(list(Direction)),
        offset=chance.choice((0, 0, 0, PAGE, 5 * PAGE)),
        limit=PAGE,
    )


def _by_endorser(chance: random.Random) -> EntryQuery:
    who = chance.randrange(200)
    return EntryQuery(now=NOW, email=f"endorser{who}@site{who % 17}.example.org", limit=PAGE)


def _by_rare_words(chance: random.Random) -> EntryQuery:
    search = (
        f"{chance.choice(SYSTEMS)} {chance.randrange(5, 25)}.{chance.randrange(10)} {chance.choice(PURPOSES)}"
    )
    return EntryQuery(now=NOW, search=search, limit=PAGE)


def _by_common_word(chance: random.Random) -> EntryQuery:
    return EntryQuery(now=NOW, search=chance.choice(SYSTEMS)[: chance.randrange(4, 8)], limit=PAGE)


QUESTIONS: dict[str, Callable[[random.Random], EntryQuery]] = {
    "status, location and order": _by_state,
    "one endorser": _by_endorser,
    "words that few have": _by_rare_words,
    "a word that an eighth have": _by_common_word,
}


def ask(
    database: Database, caches: ListCaches, draw: Callable[[random.Random], EntryQuery], rounds: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Milliseconds, elapsed and of the processor, of each question asked first and asked again."""
    chance = random.Random(7)
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(rounds):
        query = draw(chance)
        caches.catalogue._values.texts._decided.clear()
        caches.orders = Orders()
        for times in (first, again):
            start, busy = time.perf_counter(), time.thread_time()
            with database.read() as session:
                VisibleEntries(session, ANONYMOUS, caches).list(query)
            times.append(((time.perf_counter() - start) * 1000, (time.thread_time() - busy) * 1000))
    return first, again


def _floor(file: Path, size: int) -> float:
    chance, times = random.Random(7), []
    connection = sqlite3.connect(file)
    try:
        for _ in range(2000):
            start = time.perf_counter()
            connection.execute("SELECT * FROM entry WHERE id = ?", (chance.randint(1, size),)).fetchone()
            times.append((time.perf_counter() - start) * 1000)
    finally:
        connection.close()
    return percentile(times, 0.5)


def resident_mib() -> int:
    """MiB of this process in memory."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0
