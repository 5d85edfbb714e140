"""Where a server runs acceptance: a few documents at the same time, and their memory is given back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from marketplace.memory import Returning
from validators import accept, examine
from validators.document import AcceptedEntry
from validators.report import Report

#: Documents at the same time, of all threads: each may take some tens of megabytes while it is read. One
#: processor accepts two thousand in a second, and the disk takes less.
AT_ONCE: Final = 2


class Acceptance:
    """Acceptance for requests; further callers wait for a place. Safe to call from any number of threads."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._returning = Returning()

    def accept(self, data: bytes) -> AcceptedEntry:
        """As ``validators.accept``.

        Raises:
            RefusedError: the entry breaks a rule.
        """
        with self._slot(len(data)):
            return accept(data)

    def examine(self, data: bytes) -> Report:
        """As ``validators.examine``."""
        with self._slot(len(data)):
            return examine(data)

    @contextmanager
    def _slot(self, size: int) -> Iterator[None]:
        self._returning.begin()
        try:
            with self._places:
                yield
        finally:
            self._returning.end(size)
