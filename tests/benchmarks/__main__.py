"""Runs the benchmarks and writes their report.

``python -m tests.benchmarks [--smoke] [--only NAME] [--report FILE]``

No figure fails the run: on a shared machine a time means nothing, and even a ratio
can have a bad minute. The report says for each goal whether this run reached it.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import (
    bench_acceptance,
    bench_bootstrap,
    bench_catalogue,
    bench_glance,
    bench_http,
    bench_idle,
    bench_images,
    bench_lag,
    bench_list,
    bench_nodes,
    bench_pages,
    bench_private,
    bench_scale,
    bench_search,
    bench_sites,
    bench_sparql,
    bench_store,
    bench_timing,
    bench_tree,
    bench_trust,
    bench_views,
    bench_walk,
)
from tests.benchmarks.figures import Figure, table

SMALL, LARGE = (1_000,), (1_000, 10_000, 100_000)

#: Title and what to run, long and short form.
BENCHMARKS: Mapping[str, tuple[str, Callable[[], list[Figure]], Callable[[], list[Figure]]]] = {
    "acceptance": (
        "Acceptance of one entry, one core",
        bench_acceptance.figures,
        lambda: bench_acceptance.figures(rounds=3),
    ),
    "store": ("Storing accepted entries", bench_store.run, lambda: bench_store.run(200)),
    "http": (
        "Over HTTP, against a real server process",
        bench_http.run,
        lambda: bench_http.run(0.2, 1, 100, SMALL),
    ),
    "trust": (
        "Trust in endorsers",
        lambda: bench_trust.run(100_000, 500),
        lambda: bench_trust.run(2_000, 50, rounds=3),
    ),
    "sites": ("A cloud site", bench_sites.run, lambda: bench_sites.run(8 << 20, 1, 20, 100, 1.0)),
    "glance": ("A cloud site whose Glance fetches", bench_glance.run, bench_glance.run),
    "catalogue": (
        "A start with and without the catalogue on disk",
        lambda: bench_catalogue.run((10_000, 100_000, 1_000_000)),
        lambda: bench_catalogue.run((3_000,), 5),
    ),
    "scale": (
        "One web node beside PostgreSQL",
        bench_scale.run,
        lambda: bench_scale.run((2_100,), 3, 3),
    ),
    "list": ("Lists from SQL", lambda: bench_list.run(LARGE), lambda: bench_list.run(SMALL, 5)),
    "pages": ("Pages", lambda: bench_pages.run(LARGE), lambda: bench_pages.run(SMALL, 5)),
    "views": ("Views for other programs", bench_views.run, lambda: bench_views.run(300, 5)),
    "walk": ("A first visit", bench_walk.run, lambda: bench_walk.run(1)),
    "private": (
        "Private entries of 50 groups mixed in",
        bench_private.run,
        lambda: bench_private.run(500, 5),
    ),
    "timing": ("What is hidden beside what is absent", bench_timing.run, lambda: bench_timing.run(20)),
    "sparql": ("SPARQL", bench_sparql.run, lambda: bench_sparql.run((200,), 3)),
    "tree": ("The published log", bench_tree.run, lambda: bench_tree.run(2_000)),
    "bootstrap": (
        "Following another site from its first entry",
        bench_bootstrap.run,
        lambda: bench_bootstrap.run(600),
    ),
    "replication": (
        "Sites that follow each other",
        lambda: [*bench_lag.run(), *bench_idle.run()],
        lambda: [*bench_lag.run(40), *bench_idle.run(10.0)],
    ),
    "nodes": (
        "Several web nodes, and what a unit of everything costs",
        bench_nodes.run,
        lambda: bench_nodes.run(60, 1.0),
    ),
    "images": (
        "Describing images, on as many cores as there are",
        bench_images.run,
        lambda: bench_images.run(32, 1),
    ),
    "search": (
        "Search, facets and lists from memory",
        lambda: bench_search.run(LARGE),
        lambda: bench_search.run(SMALL, ("whoosh",), 10),
    ),
}

_HEAD = """# Benchmarks

Written by `make bench`. Every figure stands beside a floor or a peer that was measured
in the same run, because times on a shared machine mean little: read the ratios. What is
measured, and how, is described in the modules of `tests/benchmarks/`.

Run on {when:%Y-%m-%d}, {cores} cores, Python {python}, {system}.
"""


def main() -> int:
    """Run what was asked for and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="a short run that shows that everything works")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="this one; may be repeated")
    parser.add_argument("--report", type=Path, help="write the report there as well")
    given = parser.parse_args()
    parts = [
        _HEAD.format(
            when=datetime.now(UTC),
            cores=os.cpu_count(),
            python=platform.python_version(),
            system=platform.system(),
        )
    ]
    for name in given.only or BENCHMARKS:
        title, long, short = BENCHMARKS[name]
        print(f"{title} ...", file=sys.stderr)
        parts.append(f"## {title}\n\n{table((short if given.smoke else long)())}\n")
    report = "\n".join(parts)
    print(report)
    if given.report:
        given.report.write_text(report, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
