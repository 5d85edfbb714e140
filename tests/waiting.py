"""How tests wait for other processes and threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Seconds that only keep a test from hanging. They say nothing about how fast anything has to be.
HANGING = 90.0
#: Seconds between two looks, at least and at most.
_SHORT: Final = 0.005
_LONG: Final = 0.25
#: A pause is so many times as long as the look before it: other processes need the processor more.
_PAUSE: Final = 4


def wait_for(
    condition: Callable[[], T],
    seconds: float = HANGING,
    tell: Callable[[], object] = lambda: "the condition did not come true in time",
) -> T:
    """Look until a condition holds.

    Args:
        tell: what a test that waited in vain fails with.

    Returns:
        What the condition returned.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if held := condition():
            return held
        now = time.monotonic()
        assert now < deadline, tell()
        time.sleep(min(max(_SHORT, _PAUSE * (now - began)), _LONG))  # between two looks
