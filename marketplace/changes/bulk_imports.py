"""Which logs are coming in as a whole: followers go slower meanwhile and leave it the processors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BulkImports:
    """Tells whether a log is coming in as a whole. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0

    @property
    def in_progress(self) -> bool:
        """Whether a thread is importing a whole log."""
        return self._running > 0

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Count a block of code as such an import."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
