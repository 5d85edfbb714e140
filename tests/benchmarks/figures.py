"""What a benchmark tells: a measured value beside a floor of the same run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the report.

    Args:
        what: what was measured.
        value: the measured value with its unit.
        floor: what it stands beside, measured in the same run, with its value.
        ratio: value over floor (or floor over value where more is better); None where there is no floor.
        goal: the goal as words.
        met: whether the goal was reached in this run; None where there is no goal.
    """

    what: str
    value: str
    floor: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share (0-1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| what | measured | beside | ratio | goal | met |", "| --- | --- | --- | --- | --- | --- |"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        met = {True: "yes", False: "**no**", None: ""}[figure.met]
        rows.append(f"| {figure.what} | {figure.value} | {figure.floor} | {ratio} | {figure.goal} | {met} |")
    return "\n".join(rows)


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds by the wall that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
