"""What work may cost, compared with a floor that is measured at the same moment.

Seconds say how busy the machine is. A ratio to parsing a plain document says
something about the code, on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from lxml import etree

#: A plain document of the greatest size that is accepted, 1 MB: parsing it is the floor.
PLAIN = b"<r>" + b"<a b='1'>text</a>" * 60_000 + b"</r>"
#: Floors that judging one document may cost, whatever the document. The dearest takes about 9.
JUDGING = 30


def cost(work: Callable[[], object], tries: int = 3) -> float:
    """Seconds of this thread's CPU time that ``work`` takes: the least of some tries."""

    def once() -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    return min(once() for _ in range(tries))


def floor() -> float:
    """Seconds of CPU time that parsing PLAIN takes now."""
    return cost(lambda: etree.fromstring(PLAIN))


@cache
def _first_floor() -> float:
    return floor()


@contextmanager
def costing_at_most(floors: float) -> Iterator[None]:
    """Fail where the block takes more CPU time of this thread than that many floors."""
    start = time.thread_time()
    yield
    verify_cost(time.thread_time() - start, floors)


def verify_cost(seconds: float, floors: float) -> None:
    """Fail where so many seconds of CPU time are more than that many floors."""
    # Measuring the floor takes longer than most of what is measured, and is needed only where it comes close.
    if seconds <= floors * _first_floor() / 2:
        return
    limit = floors * floor()
    assert seconds <= limit, f"{seconds:.3f} s of CPU time; {floors} times the floor is {limit:.3f} s"
