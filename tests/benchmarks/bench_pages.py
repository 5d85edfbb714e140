"""Pages that list, with a thousand to a hundred thousand entries behind them.

The application is called directly, without a socket: what is measured is the
search, the rows and the template. The floor is the page that asks nobody
anything, so the difference is what the list costs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from webob import Request

from marketplace import make_app
from marketplace.config import Settings
from marketplace.db import Database, upgrade
from marketplace.runtime import build
from tests.benchmarks.bulk import fill
from tests.benchmarks.figures import Figure, percentile

#: Milliseconds that half of the home pages may take.
GOAL = 40.0
FLOOR_PAGE = "/about"
PAGES = {
    "home": "/",
    "home, two filters": "/?os=ubuntu&arch=x86_64",
    "home, every status by title": "/?status=all&sort=title",
    "endorsers": "/endorsers?media=html",
    "plain list": "/metadata?media=html",
}

#: Asks for a path; returns milliseconds and bytes.
Ask = Callable[[str], tuple[float, int]]


def run(sizes: tuple[int, ...] = (1_000, 10_000, 100_000), rounds: int = 60) -> list[Figure]:
    """Measure the pages over several sizes, each in a database filled anew."""
    return [figure for size in sizes for figure in _measure(size, rounds)]


def _measure(size: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as directory:
        _fill(Path(directory), size)
        given = {"data": directory, "query.enabled": "false", "search.engine": "off", "log.level": "error"}
        runtime = build(Settings.from_mapping(given))
        try:
            application = make_app(runtime)

            def ask(path: str) -> tuple[float, int]:
                request = Request.blank(path)
                started = time.perf_counter()
                answer = request.get_response(application)
                if answer.status_int != 200:
                    raise RuntimeError(f"{path} answered {answer.status}")
                return (time.perf_counter() - started) * 1000, len(answer.body)

            yield from _figures(size, ask, rounds)
        finally:
            runtime.close()


def _figures(size: int, ask: Ask, rounds: int) -> Iterator[Figure]:
    floor = _median(ask, FLOOR_PAGE, rounds)[0]
    for name, path in PAGES.items():
        # The first request reads the catalogue and compiles the template, which a server does at its start.
        ask(path)
        middle, weight = _median(ask, path, rounds)
        yield Figure(
            f"{size} entries, {name}",
            f"p50 {middle:.1f} ms, {weight / 1000:.0f} kB",
            f"{floor:.1f} ms for a page without a list",
            middle / floor,
            f"p50 < {GOAL:.0f} ms",
            middle < GOAL,
        )


def _median(ask: Ask, path: str, rounds: int) -> tuple[float, int]:
    answers = [ask(path) for _ in range(rounds)]
    return percentile([milliseconds for milliseconds, _ in answers], 0.5), answers[-1][1]


def _fill(directory: Path, size: int) -> None:
    url = f"sqlite:///{directory / 'marketplace.sqlite'}"
    upgrade(url)
    database = Database.open(url)
    try:
        fill(database, size)
    finally:
        database.close()
