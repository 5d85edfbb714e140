"""Parts of a process that run: they start in one order and stop in the opposite one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass


def nothing() -> None:
    """The start of a part that works since it was made, or the stop of one that holds nothing."""


@dataclass(frozen=True, slots=True)
class RunningPart:
    """A part that runs.

    Args:
        stop: ends the part; does nothing where the part never started, or has stopped already.
        start: lets the part run.
    """

    stop: Callable[[], None] = nothing
    start: Callable[[], None] = nothing


class RunningParts:
    """The parts of a process.

    Args:
        parts: in the order in which they start: each may use those before it.
    """

    def __init__(self, parts: Iterable[RunningPart]) -> None:
        self._parts = tuple(parts)

    def start(self) -> None:
        """Start each part in order. Where one fails, all parts are stopped and the error goes on."""
        try:
            for part in self._parts:
                part.start()
        except BaseException:  # also when interrupted: no part stays
            self.stop()
            raise

    def stop(self) -> None:
        """Stop each part, the last one first, also where another part could not be stopped.

        Later calls do nothing.

        Raises:
            Exception: the error of a part that could not be stopped.
        """
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.stop)
