"""A thread of the background work: it ends when another process does that work, and may begin again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from marketplace.db import Database


class Job:
    """Runs a function on a separate thread, from each ``start`` to the next ``stop``.

    What the thread writes is stored only as long as this process does the background work.

    Args:
        run: ends soon after the event that it is given is set.
        name: of the thread.
    """

    def __init__(self, database: Database, run: Callable[[threading.Event], None], name: str) -> None:
        self._database = database
        self._run = run
        self._name = name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, as soon as the thread of an earlier time has ended."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._begin, args=(self._thread, self._stopping), name=self._name, daemon=True
        )
        self._thread.start()

    def ask_to_end(self) -> None:
        """Have the thread end soon; later calls do nothing."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread, at most that many seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    @property
    def is_running(self) -> bool:
        """Whether it began and was not asked to end."""
        return self._thread is not None and not self._stopping.is_set()

    @property
    def is_ending(self) -> bool:
        """Whether the thread was asked to end."""
        return self._stopping.is_set()

    def _begin(self, earlier: threading.Thread | None, stopping: threading.Event) -> None:
        if earlier is not None:
            earlier.join()
        with self._database.fenced():
            self._run(stopping)
