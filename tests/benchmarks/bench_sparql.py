"""The triple store: how fast it follows the log, how long a query takes, what both hold in memory.

Loading stands beside the engine alone (the same documents parsed and written to
a bare store), queries beside the same engine asked inside this process, where
nothing could stop it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyoxigraph import Store

from marketplace.db import Database, upgrade
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.generations import Generations
from marketplace.sparql.resource import resource, statements
from marketplace.sparql.service import GENERATIONS, QueryLimits, QueryService
from marketplace.sparql.triples import triples
from marketplace.worker import catch_up
from tests.benchmarks.bulk import entries
from tests.benchmarks.figures import Figure, percentile, seconds_of
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators.document import AcceptedEntry, format_time

_PREFIXES = (
    "PREFIX dcterms: <http://purl.org/dc/terms/> PREFIX slterms: <http://mp.stratuslab.eu/slterms#> "
    "PREFIX slreq: <http://mp.stratuslab.eu/slreq#> "
)
QUERIES = {
    "point": 'SELECT ?e {?e dcterms:title "Centre 7" ; slterms:tag "latest"}',
    "join": 'SELECT ?e ?t {?e slterms:tag "latest" ; slterms:os "Debian" ; dcterms:title ?t ; '
    'slreq:endorsement [ slreq:endorser [ slreq:email ?m ] ] FILTER STRSTARTS(?m, "endorser3@")} LIMIT 100',
    "count": "SELECT ?os (COUNT(?e) AS ?n) {?e slterms:os ?os} GROUP BY ?os",
}
_CHUNK = 512


def run(sizes: tuple[int, ...] = (1_000, 10_000), rounds: int = 30) -> list[Figure]:
    """Measure stores of several sizes, each filled anew in a temporary directory."""
    return [figure for size in sizes for figure in _measure(size, rounds)]


def _measure(size: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-sparql-") as name:
        base = Path(name)
        database = _filled(f"sqlite:///{base}/store.sqlite", size)
        floor = seconds_of(lambda: _engine_alone(base / "floor", size))
        before = _memory(os.getpid())
        follower = SparqlFollower.open(database, base / "sparql")
        taken = seconds_of(lambda: catch_up(database, follower))
        yield Figure(
            f"follow the log, {size} entries",
            f"{size / taken:.0f} entries/s",
            f"engine alone {size / floor:.0f} entries/s",
            floor / taken,
        )
        yield Figure(
            f"memory of the follower, {size} entries", f"{_memory(os.getpid()) - before:.0f} MB more"
        )
        published = seconds_of(follower.close)
        yield Figure(f"publish, {size} entries", f"{published * 1000:.0f} ms")
        yield from _queries(base / "sparql", size, rounds)
        database.close()


def _queries(directory: Path, size: int, rounds: int) -> Iterator[Figure]:
    service = QueryService(directory, QueryLimits(seconds=60.0))
    generation = Generations(directory / GENERATIONS).acquire()
    assert generation is not None
    store = Store.read_only(str(generation.path))
    service.start()
    try:
        for _ in range(4):  # both processes have opened the store then
            service.select(_PREFIXES + QUERIES["point"])
        for name, query in QUERIES.items():
            text = _PREFIXES + query
            bare = [seconds_of(lambda text=text: list(store.query(text))) for _ in range(rounds)]
            ours = [seconds_of(lambda text=text: service.select(text)) for _ in range(rounds)]
            floor, value = percentile(bare, 0.5), percentile(ours, 0.5)
            yield Figure(
                f"query {name}, {size} entries",
                f"p50 {value * 1000:.2f} ms, p99 {percentile(ours, 0.99) * 1000:.2f} ms",
                f"in process {floor * 1000:.2f} ms",
                value / floor,
            )
        held = ", ".join(f"{_memory(process):.0f} MB" for process in service.process_ids())
        yield Figure(f"memory of the query processes, {size} entries", held)
    finally:
        service.close()
        generation.release()


def _filled(url: str, size: int) -> Database:
    upgrade(url)
    database = Database.open(url)
    documents = {entry.data: entry for entry in _documents(size)}
    ingest = IngestService(database, UploadPolicy(legacy="accept"), acceptor=documents.__getitem__)
    for outcome in ingest.import_all(documents):
        assert not isinstance(outcome, Exception), outcome
    ingest.close()
    return database


def _documents(size: int) -> Iterator[AcceptedEntry]:
    """Entries whose bytes say what they say; signed once, because nobody verifies them here."""
    template = signed(
        image(title="@TITLE@", description="@DESCRIPTION@", os="@OS@", os_version="@VERSION@"),
        make_identity(email=None),
        email="template@example.org",
    ).decode()
    about = image().about
    for number, entry in enumerate(entries(size)):
        said = entry.metadata
        title = f"Centre {number}"
        document = (
            template.replace(about, entry.identifier)
            .replace("@TITLE@", title)
            .replace("@DESCRIPTION@", said.description or "")
            .replace("@OS@", said.os or "")
            .replace("@VERSION@", said.os_version or "")
            .replace("template@example.org", entry.endorser.email)
            .replace("2024-05-01T12:00:00Z", format_time(entry.created))
        )
        yield replace(entry, data=document.encode())


def _engine_alone(directory: Path, size: int) -> None:
    store = Store(str(directory))
    source = _documents(size)
    while chunk := list(itertools.islice(source, _CHUNK)):
        store.bulk_extend(
            quad
            for entry in chunk
            for quad in statements(resource(entry.coordinates), entry.entry_id, triples(entry.data))
        )
    del store
    shutil.rmtree(directory)


def _memory(process: int) -> float:
    """Resident memory of a process in megabytes, files it maps not counted."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1000
