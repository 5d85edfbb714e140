"""How much more two web nodes on two cores answer than one node on one core.

A machine of two cores has nothing left for the load generator and PostgreSQL. So one node is measured twice:
with both of them beside it on its core, as two nodes have them, and with both on the other core, where the
node has its core for itself and two nodes have not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import pin, processor_seconds
from tests.benchmarks.wrk import MISSING, Answers, find_wrk, load
from tests.functional.running import RunningServer
from validators.document import AcceptedEntry

LIST = "/api/v1/entries?limit=20"
_GOAL = 1.7


@dataclass(frozen=True)
class Served:
    """What nodes answered.

    Args:
        rate: answers a second.
        node: seconds of the processor for an answer, of the nodes.
        generator: the same of the load generator.
        database: the same of PostgreSQL.
    """

    rate: float
    node: float
    generator: float
    database: float

    @property
    def served(self) -> float:
        """Seconds of the processor for an answer without what it takes to ask for it."""
        return self.node + self.database

    def told(self) -> str:
        """The times in words."""
        named = {"node": self.node, "generator": self.generator, "PostgreSQL": self.database}
        return ", ".join(f"{name} {1e6 * seconds:.0f} us" for name, seconds in named.items())


def compare(
    nodes: Sequence[RunningServer], others: Sequence[int], entry: AcceptedEntry, seconds: float
) -> Iterator[Figure]:
    """Measure one node and two of them.

    Args:
        others: PostgreSQL's first process, and others that run beside the nodes.
        seconds: of reading, each time.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2 or find_wrk() is None:
        yield Figure(
            "two web nodes on two cores", "not measured: there is one core" if find_wrk() else MISSING
        )
        return
    for node, core in zip(nodes, cores, strict=True):
        pin(node.process.pid, {core})
    first, second = cores
    kinds = {
        "entries": (f"/metadata/{entry.coordinates.path()}", "application/rdf+xml"),
        "verdicts": (f"/api/v1/images/{entry.identifier}/verdict", "application/json"),
        "lists": (LIST, "application/json"),
    }
    for kind, asked in kinds.items():
        places = ((nodes[:1], {first}), (nodes[:1], {second}), (nodes, {first, second}))
        measured = []
        for node in nodes:
            measure([node], others[0], *asked, 1.0)  # what a node does for the first reader alone
        for some, elsewhere in places:
            with _placed(others, elsewhere):
                measured.append(measure(some, others[0], *asked, seconds))
        yield from _figures(kind, *measured)


def _figures(kind: str, beside: Served, alone: Served, two: Served) -> Iterator[Figure]:
    goal = f">= {_GOAL}"
    for what, one, where in (
        ("on two cores", beside, "one node, load generator and PostgreSQL on one core"),
        ("beside one that has a core for itself", alone, "generator and PostgreSQL on the other core"),
    ):
        yield Figure(
            f"{kind} a second of two web nodes {what}",
            f"{two.rate:.0f}/s",
            f"{where}: {one.rate:.0f}/s",
            two.rate / one.rate,
            goal,
            two.rate / one.rate >= _GOAL,
        )
    yield Figure(
        f"{kind}: processor time of an answer, two nodes",
        two.told(),
        f"one node, all on one core: {beside.told()}",
        two.served / beside.served,
    )
    yield Figure(
        f"{kind} a second of two cores with the load from elsewhere, by processor time",
        f"{2 / two.served:.0f}/s",
        f"one core: {1 / beside.served:.0f}/s",
        2 * beside.served / two.served,
        goal,
        2 * beside.served / two.served >= _GOAL,
    )


def measure(nodes: Sequence[RunningServer], postgres: int, path: str, wanted: str, seconds: float) -> Served:
    """Load nodes, each from four connections."""

    def load_it(node: RunningServer) -> Answers:
        return load(f"{node.url}{path}", connections=4, seconds=seconds, headers={"Accept": wanted})

    pids = [node.process.pid for node in nodes]
    before, database = sum(map(processor_seconds, pids)), processor_seconds(postgres)
    began = time.monotonic()
    with ThreadPoolExecutor(len(nodes)) as pool:
        answers = list(pool.map(load_it, nodes))
    took, count = time.monotonic() - began, sum(one.count for one in answers)
    return Served(
        count / took,
        (sum(map(processor_seconds, pids)) - before) / count,
        sum(one.spent for one in answers) / count,
        (processor_seconds(postgres) - database) / count,
    )


@contextmanager
def _placed(others: Sequence[int], cores: set[int]) -> Iterator[None]:
    """Have other processes and those that are started in the block run on some cores."""
    before = os.sched_getaffinity(0)
    for pid in others:
        pin(pid, cores)
    # Threads that are started inherit it, and so do programs that they start.
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
