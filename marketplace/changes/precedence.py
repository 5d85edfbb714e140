"""What followers let pass first: a log that comes in as a whole needs the processors more than they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Precedence:
    """Tells whether something goes on that has precedence. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going_on = 0

    @property
    def taken(self) -> bool:
        """Whether a thread has precedence."""
        return self._going_on > 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take precedence for a block of code."""
        with self._lock:
            self._going_on += 1
        try:
            yield
        finally:
            with self._lock:
                self._going_on -= 1
