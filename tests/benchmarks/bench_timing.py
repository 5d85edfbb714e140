"""Whether time tells what is not granted from what is not there.

Each request of ``tests/functional/privacy_pairs.py`` is made of one site in this
process, in turn with a name that is hidden and with one that is absent, the order of
the two drawn anew each time. What is compared is the processor time of the answering
thread, by its medians; the interval is that of the ratio, by a bootstrap.
"""

from __future__ import annotations

import gc
import logging
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.functional.privacy_pairs import PAIRS, Pair, filled, names_of
from tests.functional.privacy_sites import Site, fill_with, open_site
from tests.functional.private_site import GROUP, OUTSIDER
from tests.functional.test_privacy_matrix import published

#: Drawn samples of a bootstrap, and the share of them that an interval holds.
DRAWN, SHARE = 1000, 0.99
#: Ratios this near to 1 are beyond what can be told across a network.
NEAR = 0.03
_GOAL = "1 in the interval (99 %) of the ratio, or within 3 % of it"
READERS = {"nobody in particular": None, "a member of another group": OUTSIDER}


def run(rounds: int = 400) -> list[Figure]:
    """Measure every pair for every reader, and tell of all together and of those that differ."""
    every = measure(rounds)
    figures = []
    for label in READERS:
        mine = [one for one in every if one.what.endswith(label)]
        ratios = sorted(one.ratio for one in mine if one.ratio is not None)
        alike = sum(bool(one.met) for one in mine)
        figures.append(
            Figure(
                what=f"hidden beside absent, {label}: requests that take the same time",
                value=f"{alike} (ratios of medians {ratios[0]:.3f} to {ratios[-1]:.3f})",
                floor=f"{len(mine)} requests",
                ratio=statistics.median(ratios),
                goal=_GOAL,
                met=alike == len(mine),
            )
        )
    return [*figures, *(one for one in every if not one.met)]


def measure(rounds: int) -> list[Figure]:
    """Measure every pair for every reader."""
    logging.disable(logging.INFO)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-timing-") as name,
            open_site(Path(name), fill_with) as site,
        ):
            log = published(site, f"group:{GROUP}")
            return list(_figures(site, names_of(log.slug, log.origin), rounds))
    finally:
        logging.disable(logging.NOTSET)


def _figures(site: Site, names: tuple[dict[str, str], dict[str, str]], rounds: int) -> Iterator[Figure]:
    chance = random.Random("timing")
    for label, reader in READERS.items():
        for pair in PAIRS:
            ways = [_asking(site, pair, known, reader) for known in names]
            times = _measure(ways, rounds, chance)
            hidden, absent = (statistics.median(one) for one in times)
            low, high = _interval(*times, chance)
            yield Figure(
                what=f"{pair.method} {pair.path}{f' as {pair.accept}' * (pair.accept != '*/*')}, {label}",
                value=f"{hidden / 1000:.0f} µs hidden, ratio {low:.3f} to {high:.3f} (99 %)",
                floor=f"{absent / 1000:.0f} µs absent",
                ratio=hidden / absent,
                goal=_GOAL,
                met=low - NEAR <= 1 <= high + NEAR,
            )


def _asking(site: Site, pair: Pair, known: dict[str, str], reader: str | None) -> Callable[[], object]:
    path, body = filled(pair, known)

    def ask() -> object:
        return site.ask(
            path, method=pair.method, accept=pair.accept, body=body, kind=pair.kind, reader=reader
        )

    return ask


def _measure(
    ways: Sequence[Callable[[], object]], rounds: int, chance: random.Random
) -> tuple[list[int], list[int]]:
    """Nanoseconds of this thread for each way, round by round."""
    times: tuple[list[int], list[int]] = ([], [])
    for way in list(ways) * 5:
        way()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for number in chance.sample((0, 1), 2):
                began = time.thread_time_ns()
                ways[number]()
                times[number].append(time.thread_time_ns() - began)
    finally:
        gc.enable()
    return times


def _interval(hidden: Sequence[int], absent: Sequence[int], chance: random.Random) -> tuple[float, float]:
    """Within which the ratio of the medians lies."""
    ratios = sorted(
        statistics.median(chance.choices(hidden, k=len(hidden)))
        / statistics.median(chance.choices(absent, k=len(absent)))
        for _ in range(DRAWN)
    )
    left_out = round(DRAWN * (1 - SHARE) / 2)
    return ratios[left_out], ratios[-1 - left_out]
