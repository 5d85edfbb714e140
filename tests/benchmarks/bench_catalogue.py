"""A start with and without the catalogue on disk: time of the processor, memory, the first lists.

Each start is a new process that does what a server does before it is ready. The one without a file reads the
database and writes the file; it is the floor of the one with the file, which answers lists then.

``python -m tests.benchmarks.bench_catalogue [--sizes 10000,100000]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from marketplace.access import ANONYMOUS
from marketplace.catalogue.snapshot import NAME, CatalogueSnapshot
from marketplace.db import Database, upgrade
from marketplace.entries import EntryQuery, ListCaches, VisibleEntries
from tests.benchmarks.bench_list import GOAL, PAGE, QUESTIONS, ask, resident_mib
from tests.benchmarks.bulk import NOW, fill, multiply
from tests.benchmarks.figures import Figure, percentile, table

#: More entries than this are copies of so many: making each by itself takes too long.
_MADE = 100_000
#: Rounds of questions there: a word that only the database can look for takes seconds.
_FEW = 4
#: Seconds of the processor, MiB in all and milliseconds, for a million entries.
_WITH, _WITHOUT, _RESIDENT, _FIRST, _WORDS = 15.0, 120.0, 500, 500.0, 30.0


@dataclass(frozen=True)
class _Start:
    """What a start took.

    Args:
        busy: seconds of the processor.
        before, after: MiB in memory.
        first: milliseconds of the first list, elapsed and of the processor.
        lists: the same of each list asked first, by the kind of question.
    """

    busy: float
    before: int
    after: int
    writing: float
    first: tuple[float, float]
    lists: dict[str, list[tuple[float, float]]]


def run(sizes: tuple[int, ...] = (10_000, 100_000), rounds: int = 20) -> list[Figure]:
    """Measure starts of several sizes, each with a database of its own."""
    return [figure for size in sizes for figure in _measure(size, rounds)]


def _measure(size: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-catalogue-") as directory:
        file = Path(directory) / "store.sqlite"
        upgrade(f"sqlite:///{file}")
        database = Database.open(f"sqlite:///{file}")
        try:
            fill(database, min(size, _MADE))
        finally:
            database.close()
        if size > _MADE:
            multiply(file, size // _MADE)
        without, kept = _start(file, 0), _start(file, rounds if size <= _MADE else _FEW)
        snapshot = (file.parent / NAME).stat().st_size / 1e6
    yield Figure(
        f"{size} entries, start without the file",
        f"{without.busy:.1f} s of the processor, {without.after} MiB, {without.before} before",
        goal=f"< {_WITHOUT:.0f} s",
        met=without.busy < _WITHOUT,
    )
    yield Figure(
        f"{size} entries, writing the file",
        f"{without.writing:.2f} s of the processor, {snapshot:.0f} MB",
    )
    yield Figure(
        f"{size} entries, start with the file",
        f"{kept.busy:.2f} s of the processor, {kept.after} MiB, {kept.before} before",
        f"{without.busy:.1f} s without",
        kept.busy / without.busy,
        f"< {_WITH:.0f} s and {_RESIDENT} MiB",
        kept.busy < _WITH and kept.after < _RESIDENT,
    )
    yield Figure(
        f"{size} entries, first list after it",
        f"{kept.first[0]:.0f} ms (processor {kept.first[1]:.0f})",
        goal=f"processor < {_FIRST:.0f} ms",
        met=kept.first[1] < _FIRST,
    )
    for name, times in kept.lists.items():
        elapsed, busy = zip(*times, strict=True)
        middle, goal = percentile(busy, 0.5), _WORDS if "word" in name else GOAL
        yield Figure(
            f"{size} entries, {name}, asked first",
            f"p50 {percentile(elapsed, 0.5):.1f} ms (processor {middle:.1f}), "
            f"p99 {percentile(elapsed, 0.99):.1f} ms",
            goal=f"processor p50 < {goal:.0f} ms",
            met=middle < goal,
        )


def _start(file: Path, rounds: int) -> _Start:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(start, file, rounds).result()


def start(file: Path, rounds: int) -> _Start:
    """Start as a server does, in this process, and answer some lists."""
    database = Database.open(f"sqlite:///{file}")
    try:
        with database.read() as session:
            VisibleEntries(session, ANONYMOUS).endorser("nobody@example.org")
        before, busy, caches = resident_mib(), time.process_time(), ListCaches()
        snapshot = CatalogueSnapshot(database, caches.catalogue, file.parent)
        snapshot.restore()
        caches.catalogue.warm_up(database)
        busy, after = time.process_time() - busy, resident_mib()
        written = time.process_time()
        snapshot.store_if_due()
        written, asked = time.process_time() - written, (time.perf_counter(), time.thread_time())
        with database.read() as session:
            VisibleEntries(session, ANONYMOUS, caches).list(EntryQuery(now=NOW, limit=PAGE))
        first = (time.perf_counter() - asked[0]) * 1000, (time.thread_time() - asked[1]) * 1000
        lists = {}
        for name, draw in QUESTIONS.items() if rounds else ():
            lists[name] = ask(database, caches, draw, rounds)[0]
        return _Start(busy, before, after, written, first, lists)
    finally:
        database.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="10000,100000")
    sizes = tuple(int(size) for size in parser.parse_args().sizes.split(","))
    print(table(run(sizes)))


if __name__ == "__main__":
    main()
