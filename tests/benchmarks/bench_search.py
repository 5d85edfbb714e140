"""Searching: words with filters and facets, lists without words, building an index, memory and disk.

Each engine runs in a process of its own on the same entries and the same
queries; SQLite's FTS5 with the same filters stands beside them. ``first`` empties
what the engine remembers of words before each query, ``again`` does not.

``python -m tests.benchmarks.bench_search [--sizes 1000,10000,100000] [--engines whoosh,tantivy,postgresql]``
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import json
import logging
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy import text as sql

from marketplace import text
from marketplace.access import ANONYMOUS
from marketplace.catalogue.catalogue import Catalogue
from marketplace.db import Database, upgrade
from marketplace.facets import Facet
from marketplace.models import Entry
from marketplace.rules.visibility import find_scope
from marketplace.search.engine import SearchEngine
from marketplace.search.errors import SearchError
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.service import SearchService
from marketplace.worker import catch_up
from tests.benchmarks.bulk import ADJECTIVES, NOW, PURPOSES, SYSTEMS, fill
from tests.benchmarks.figures import Figure, percentile, seconds_of, table
from tests.factories.entries import accepted, moment
from tests.factories.storing import imports, take_all
from tests.fixtures_postgres import PostgresServer, find_binaries

ENGINES = ("whoosh", "postgresql", "tantivy")


class Goals(NamedTuple):
    """Goals of an engine at 100 000 entries, milliseconds; None where there is none.

    Args:
        first, again: half of the searches, and 99 of 100.
        busy: 99 of 100.
    """

    first: tuple[float, float | None]
    again: tuple[float, float | None]
    busy: float | None


GOALS = {
    "whoosh": Goals((80.0, None), (8.0, None), 400.0),
    "postgresql": Goals((40.0, None), (40.0, None), None),
    "tantivy": Goals((5.0, 20.0), (5.0, 20.0), 80.0),
}
LIST_GOAL, MEMORY_GOAL = 10.0, 500.0
READERS = 4


def run(
    sizes: tuple[int, ...] = (1_000, 10_000), engines: Sequence[str] = ENGINES, rounds: int = 120
) -> list[Figure]:
    """Measure stores of several sizes, each filled anew in a temporary directory."""
    return [figure for size in sizes for figure in _measure(size, engines, rounds)]


def _measure(size: int, engines: Sequence[str], rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-search-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        url = f"sqlite:///{directory}/store.sqlite"
        upgrade(url)
        database = Database.open(url)
        fill(database, size)
        peer = _fts5(database, directory / "fts5.sqlite", rounds)
        database.close()
        peer_p50 = percentile(peer, 0.5)
        beside = (
            f"FTS5 with the filters, no facets: p50 {peer_p50:.1f} ms, p99 {percentile(peer, 0.99):.1f} ms"
        )
        for engine in engines:
            address = stack.enter_context(_postgresql()) if engine == "postgresql" else ""
            if address is None or (engine == "tantivy" and importlib.util.find_spec("tantivy") is None):
                yield Figure(f"{size} entries, {engine}: not installed", "")
                continue
            shutil.copy(directory / "store.sqlite", directory / f"{engine}.sqlite")
            told = _in_a_process(engine, directory, address, rounds)
            yield from _figures(size, engine, told, beside, peer_p50)


def _figures(size: int, engine: str, told: dict[str, Any], beside: str, peer: float) -> Iterator[Figure]:
    name = f"{size} entries, {engine}"
    goals = GOALS[engine] if size == 100_000 else None
    for which in ("first", "again"):
        times = told[which]
        p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
        goal, met = "", None
        if goals is not None:
            half, most = goals.first if which == "first" else goals.again
            goal = f"p50 <= {half:.0f} ms" + (f", p99 <= {most:.0f} ms" if most else "")
            met = p50 <= half and (most is None or p99 <= most)
        value = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        yield Figure(f"{name}: words, two filters, facets, {which}", value, beside, p50 / peer, goal, met)
    alone = percentile(told["again"], 0.99)
    busy = percentile(told["busy"], 0.99)
    most = None if goals is None else goals.busy
    yield Figure(
        f"{name}: the same, {READERS} readers and uploads",
        f"p50 {percentile(told['busy'], 0.5):.1f} ms, p99 {busy:.1f} ms, {told['refused']} took too long",
        f"one reader: p99 {alone:.1f} ms",
        busy / alone,
        "" if most is None else f"p99 <= {most:.0f} ms",
        None if most is None else busy <= most,
    )
    p50 = percentile(told["list"], 0.5)
    goal = LIST_GOAL if size == 100_000 else None
    yield Figure(
        f"{name}: list with filters and facets, no words",
        f"p50 {p50:.1f} ms, p99 {percentile(told['list'], 0.99):.1f} ms",
        goal="" if goal is None else f"p50 < {goal:.0f} ms",
        met=None if goal is None else p50 < goal,
    )
    yield Figure(
        f"{name}: building the index",
        f"{size / told['build']:.0f} entries/s, {told['bytes'] / 1e6:.1f} MB",
        f"catalogue read in {told['catalogue']:.2f} s",
    )
    yield Figure(
        f"{name}: memory of the process",
        f"{told['resident']:.0f} MB after building, searching and uploads (peak {told['peak']:.0f} MB)",
        goal="" if goal is None else f"< {MEMORY_GOAL:.0f} MB",
        met=None if goal is None else told["resident"] < MEMORY_GOAL,
    )


def queries(count: int, seed: int = 7) -> list[str]:
    """What people type: a system, a system and a purpose, a phrase, a prefix, a field, a number."""
    chance = random.Random(seed)
    systems = [word.split()[0] for word in SYSTEMS]
    made: list[Callable[[], str]] = [
        lambda: chance.choice(systems),
        lambda: f"{chance.choice(systems)} {chance.choice(PURPOSES)}",
        lambda: f"{chance.choice(ADJECTIVES)} {chance.choice(systems)}",
        lambda: f'"{chance.choice(PURPOSES)}"',
        lambda: f"{chance.choice(systems)} {chance.randrange(5, 25)}.{chance.randrange(10)}",
        lambda: f"{chance.choice(systems)[:4]}* {chance.choice(PURPOSES)}",
        lambda: f"os:{chance.choice(systems)} -{chance.choice(PURPOSES).split()[0]}",
        lambda: f"{chance.choice(systems)} {chance.randrange(1000)}",
    ]
    return [made[number % len(made)]() for number in range(count)]


def _request(words: str, number: int) -> SearchRequest:
    arch = ("x86_64", "i686", "aarch64")[number % 3]
    return SearchRequest(words=words, chosen={Facet.ARCH: (arch,), Facet.STATUS: ("valid",)})


def _child(engine: str, directory: Path, address: str, rounds: int) -> dict[str, Any]:
    """Everything about one engine, measured in this process."""
    # The bulk entries' bytes are no XML, and each would be reported.
    logging.getLogger("marketplace.search.loading").setLevel(logging.CRITICAL)
    database = Database.open(f"sqlite:///{directory}/{engine}.sqlite")
    indexer = SearchIndexer.open(database, _engine(engine, directory / f"index-{engine}", address))
    catalogue = Catalogue()
    service = SearchService(database, catalogue, indexer)
    told: dict[str, Any] = {"build": seconds_of(lambda: indexer.rebuild(lambda log, done, size: None))}
    with database.read() as session:
        told["catalogue"] = seconds_of(lambda: catalogue.catch_up(session, find_scope(session, ANONYMOUS)))
    index = indexer.get("public")
    told["bytes"] = _bytes_of(directory / f"index-{engine}", address)
    asked = queries(rounds)

    def ask(number: int) -> None:
        service.search(_request(asked[number], number), ANONYMOUS, NOW)

    def forget() -> None:
        # Opened again, as a process that just started knows no answers.
        nonlocal index
        indexer.forget("public")
        index = indexer.get("public")
        index.position()

    ask(0)
    told["first"] = [_milliseconds(lambda n=n: ask(n), forget) for n in range(rounds)]
    # What was forgotten before each question is asked once more without a clock.
    for number in range(rounds):
        ask(number)
    told["again"] = [_milliseconds(lambda n=n: ask(n)) for n in range(rounds)]
    sorts = [sort for sort in Sort if sort is not Sort.RELEVANCE]
    lists = [replace(_request("", n), sort=sorts[n % len(sorts)]) for n in range(rounds)]
    told["list"] = [_milliseconds(lambda r=r: service.search(r, ANONYMOUS, NOW)) for r in lists]
    told["busy"], told["refused"] = _busy(database, indexer, ask, rounds)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    told["resident"] = pages * resource.getpagesize() / 1e6
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    indexer.close()
    database.close()
    return told


def _bytes_of(directory: Path, address: str) -> int:
    """Bytes of the indexes in a directory, or in a database."""
    if not address:
        return sum(path.stat().st_size for path in directory.rglob("*"))
    tables = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE schemaname = :name"
    database = Database.open(address)
    with database.read() as session:
        found = session.scalar(sql(tables), {"name": "marketplace_search"})
    database.close()
    return int(found or 0)


def _busy(
    database: Database, indexer: SearchIndexer, ask: Callable[[int], None], rounds: int
) -> tuple[list[float], int]:
    """Times of searches by several readers while entries arrive, and how many took too long."""
    times: list[float] = []
    refused: list[SearchError] = []
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.wait(0.5):
            with database.write() as session:
                fresh = [
                    accepted(f"new {n}", created=moment(n), title=f"Debian upload {n}")
                    for n in range(number, number + 20)
                ]
                take_all(session, imports(fresh), NOW)
                number += 20
            catch_up(database, indexer)

    def ask_or_give_up(number: int) -> None:
        try:
            ask(number)
        except SearchError as error:
            refused.append(error)

    def read(first: int) -> None:
        times.extend(_milliseconds(lambda n=n: ask_or_give_up(n)) for n in range(first, rounds, READERS))

    writer = threading.Thread(target=write)
    readers = [threading.Thread(target=read, args=(first,)) for first in range(READERS)]
    for thread in (writer, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    writer.join()
    return times, len(refused)


def _fts5(database: Database, path: Path, rounds: int) -> list[float]:
    """The same queries with the same filters on FTS5: one page, ranked, and no facets."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(title, description, os, tokenize='unicode61')")
    connection.execute("CREATE TABLE facts (id INTEGER PRIMARY KEY, arch, deprecated, valid)")
    columns = (
        Entry.id,
        Entry.title,
        Entry.description,
        Entry.os,
        Entry.os_arch,
        Entry.deprecated,
        Entry.valid,
    )
    with database.read() as session, connection:
        for key, title, description, system, arch, deprecated, valid in session.execute(select(*columns)):
            connection.execute(
                "INSERT INTO words (rowid, title, description, os) VALUES (?, ?, ?, ?)",
                (key, title, description, system),
            )
            facts = (key, arch, deprecated, None if valid is None else valid.timestamp())
            connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?)", facts)
    statement = (
        "SELECT words.rowid FROM words JOIN facts ON facts.id = words.rowid WHERE words MATCH ? AND arch = ?"
        " AND deprecated IS NULL AND (valid IS NULL OR valid >= ?) ORDER BY bm25(words, 3.0) LIMIT 20"
    )
    times = []
    for number, typed in enumerate(queries(rounds)):
        arch = _request(typed, number).chosen[Facet.ARCH][0]
        values = (_fts5_query(typed), arch, NOW.timestamp())
        times.append(_milliseconds(lambda v=values: connection.execute(statement, v).fetchall()))
    connection.close()
    return times


def _fts5_query(typed: str) -> str:
    parts, excluded = [], []
    for part in typed.split('"') if typed.startswith('"') else typed.split():
        words = " ".join(text.words(part.removeprefix("os:")))
        if not words:
            continue
        quoted = f'"{words}"' + ("*" if part.endswith("*") else "")
        quoted = f"os : {quoted}" if part.startswith("os:") else quoted
        (excluded if part.startswith("-") else parts).append(quoted)
    return " AND ".join(f"({part})" for part in parts) + "".join(f" NOT ({part})" for part in excluded)


def _engine(name: str, directory: Path, address: str) -> SearchEngine:
    if name == "whoosh":
        from marketplace.search.whoosh_engine import WhooshEngine

        return WhooshEngine(directory)
    if name == "tantivy":
        from marketplace.search.tantivy_engine import TantivyEngine

        return TantivyEngine(directory)
    from marketplace.search.postgresql_engine import PostgresqlEngine

    return PostgresqlEngine(Database.open(address))


@contextlib.contextmanager
def _postgresql() -> Iterator[str | None]:
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix="mp-pg-"))
    try:
        server = PostgresServer(binaries, directory)
        server.start()
        try:
            yield server.create_database()
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def _in_a_process(engine: str, directory: Path, address: str | None, rounds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "--child", engine]
    command += ["--directory", str(directory), "--address", address or "", "--rounds", str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _milliseconds(do: Callable[[], object], before: Callable[[], None] = lambda: None) -> float:
    before()
    return 1000 * seconds_of(do)


def main() -> None:
    """Print the report, or what a child process measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--child")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--address", default="")
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(given.child, given.directory, given.address, given.rounds)))
        return
    sizes = tuple(map(int, given.sizes.split(",")))
    print(table(run(sizes, given.engines.split(","), given.rounds)))


if __name__ == "__main__":
    main()
