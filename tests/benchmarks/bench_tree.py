"""The published log: what a leaf costs, a new head, a receipt, and a comparison of sets."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from webob import Request

import marketplace
from marketplace.access import PUBLIC
from marketplace.config import Settings
from marketplace.db import upgrade
from marketplace.federation.keys import create_keys
from marketplace.federation.proofs import prove_entry
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.site import Federation
from marketplace.ingest import Source
from marketplace.runtime import Runtime, build
from marketplace.tlog.merkle import hash_leaf
from marketplace.tlog.tiles import RightEdge
from tests.benchmarks.bulk import entries, fill
from tests.benchmarks.figures import Figure, percentile, seconds_of

_LOG = "/fed/v1/logs/public"
_LEAF_BYTES = 140
_HEADS = 20


def run(number: int = 100_000) -> list[Figure]:
    """Measure a log of ``number`` entries."""
    with tempfile.TemporaryDirectory(prefix="bench-tree-") as directory:
        data = Path(directory)
        create_keys(data, "mp-a.example")
        settings = Settings.from_mapping(
            {"data": directory, "search.engine": "off", "query.enabled": "false", "log.level": "error"}
        )
        upgrade(settings.database_url)
        runtime = build(settings)
        try:
            fill(runtime.database, number)
            assert runtime.federation is not None
            return [*_tree(number), *_publishing(runtime, runtime.federation, number), *_comparison(runtime)]
        finally:
            runtime.close()


def _tree(number: int) -> list[Figure]:
    leaves = [os.urandom(_LEAF_BYTES) for _ in range(number)]
    # A tree has one node for each leaf: two hashes are the least there is to do.
    floor = seconds_of(lambda: [sha256(sha256(leaf).digest() * 2) for leaf in leaves]) / number
    edge = RightEdge()
    spent = seconds_of(lambda: edge.grow(map(hash_leaf, leaves))) / number
    goal = f"{spent * 1e6:.2f} us"
    return [
        Figure(
            "tree, a leaf", goal, f"{floor * 1e6:.2f} us two hashes", spent / floor, "<= 3 us", spent <= 3e-6
        )
    ]


def _publishing(runtime: Runtime, federation: Federation, number: int) -> list[Figure]:
    step = federation.integrator.step

    def everything() -> None:
        while step():
            pass

    spent = seconds_of(everything) / number
    heads, commits = [], []
    for entry in list(entries(number + _HEADS, seed=2))[-_HEADS:]:
        commits.append(seconds_of(lambda: runtime.ingest.enqueue(entry, PUBLIC, Source.IMPORT).result()))  # noqa: B023 - called at once
        heads.append(seconds_of(step))
    with runtime.database.read() as session:
        feed = PublishedLogs(session, frozenset({PUBLIC}))
        log = feed.log(PUBLIC)
        ids = [entry.entry_id for entry in list(entries(50))]
        proofs = [seconds_of(lambda: prove_entry(feed, log, one)) for one in ids]  # noqa: B023 - called at once
    return [
        Figure("publishing a leaf of many: read, tree, tiles, signature, commit", f"{spent * 1e6:.0f} us"),
        Figure(
            f"a new head for one leaf at {number}",
            f"p50 {percentile(heads, 0.5) * 1e3:.1f} ms",
            f"{percentile(commits, 0.5) * 1e3:.1f} ms the entry's own commit",
            percentile(heads, 0.5) / percentile(commits, 0.5),
        ),
        Figure(f"a receipt at {number}", f"p50 {percentile(proofs, 0.5) * 1e3:.2f} ms"),
    ]


def _comparison(runtime: Runtime) -> list[Figure]:
    federation = runtime.federation
    assert federation is not None
    federation.ready.set()
    application = marketplace.make_app(runtime)

    def ask(path: str, **headers: str) -> tuple[Any, int]:
        request = Request.blank(path, headers={"Accept-Encoding": "zstd", **headers})
        answer = request.get_response(application)
        head = sum(len(name) + len(value) + 4 for name, value in answer.headerlist)
        return answer, head + len(answer.body)

    first = seconds_of(lambda: ask(f"{_LOG}/digest"))
    whole, whole_bytes = ask(f"{_LOG}/digest")
    again = seconds_of(lambda: ask(f"{_LOG}/digest"))
    equal, equal_bytes = ask(f"{_LOG}/digest", **{"If-None-Match": whole.headers["ETag"]})
    assert equal.status_int == 304
    entry_id = next(iter(entries(1))).entry_id
    _, part = ask(f"{_LOG}/digest/{entry_id[:2]}")
    _, ids = ask(f"{_LOG}/digest/{entry_id[:2]}/{entry_id[:4]}")
    one_difference = whole_bytes + part + ids
    return [
        Figure("comparing equal sets", f"{equal_bytes} bytes with headers, {again * 1e3:.1f} ms"),
        Figure(
            "finding one difference",
            f"{one_difference} bytes with headers",
            f"{equal_bytes} bytes for equal sets",
            one_difference / equal_bytes,
        ),
        Figure("summing the log up after a start", f"{first * 1e3:.0f} ms"),
    ]
