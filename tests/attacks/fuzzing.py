"""What fuzz targets share: counting outcomes for a time, and running as a command."""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def flip(rng: random.Random, data: bytes) -> bytes:
    """Some bytes with one bit changed."""
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def count_outcomes(
    inputs: Iterable[T],
    judge: Callable[[T], str],
    show: Callable[[T], object],
    deadline: float,
    most: int,
) -> Counter[str]:
    """Judge inputs until the deadline (of ``time.monotonic``), at most so many.

    Args:
        show: writes an input that cannot be judged, for the report.
    """
    outcomes: Counter[str] = Counter()
    for number, found in enumerate(inputs):
        if number == most or time.monotonic() > deadline:
            break
        try:
            outcomes[judge(found)] += 1
        except BaseException:  # also a crash that is no Exception: the input is shown before it goes on
            print(f"fails for: {show(found)}", file=sys.stderr)  # noqa: T201  # the finding
            raise
    return outcomes


def run_target(
    arguments: Sequence[str],
    target: Callable[[bytes], str],
    fuzz: Callable[[random.Random, float, int], Counter[str]],
) -> None:
    """Run a target under atheris, or ``fuzz`` for so many seconds without it."""
    if importlib.util.find_spec("atheris") is not None:
        atheris = importlib.import_module("atheris")
        atheris.instrument_all()
        atheris.Setup([sys.argv[0], *arguments], target)
        atheris.Fuzz()
        return
    seconds = float(arguments[0]) if arguments else 60.0
    seed = random.randrange(2**32)
    outcomes = fuzz(random.Random(seed), time.monotonic() + seconds, sys.maxsize)
    print(f"seed {seed}: {outcomes.total()} inputs, {outcomes.most_common()}")  # noqa: T201  # its result
