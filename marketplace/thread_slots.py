"""Keeps requests that wait for a database that stores nothing from taking every thread that answers readers.

A commit may hang: a synchronous standby is gone, a disk is stuck. Each request that stores something holds a
thread meanwhile. So many may. Others wait until the first of those has waited for some seconds, and are
refused from then on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.db.errors import StalledError

#: Seconds that the oldest request waits when the database counts as one that stores nothing: a commit takes
#: milliseconds, and the loss of a synchronous standby some seconds.
STALLED = 5.0

_STALLED = "the database stores nothing at the moment: try again later"


class ThreadSlots:
    """Where requests wait for what they store. A thread that has a place gets no second one.

    Args:
        count: of the places.
        stalled: seconds as above.
    """

    def __init__(self, count: int, *, stalled: float = STALLED) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._stalled = stalled
        self._lock = threading.Lock()
        # When each place was taken, in that order.
        self._since: dict[object, float] = {}
        self._mine = threading.local()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Have a place for the length of the block.

        Raises:
            StalledError: there is none, and who took the first one has waited for long.
        """
        if getattr(self._mine, "taken", False):
            yield
            return
        if not self._free.acquire(timeout=self._patience()):
            raise StalledError(_STALLED)
        with self._taken():
            yield

    @contextmanager
    def wait(self, longest: float) -> Iterator[float]:
        """Seconds that the block may wait for what another thread stores.

        Without a place these end when the database counts as one that stores nothing: while it stores, all
        threads may wait, and what they wait for is stored together.

        Args:
            longest: seconds with a place.

        Raises:
            StalledError: as of ``take``.
        """
        if getattr(self._mine, "taken", False):
            yield longest
        elif self._free.acquire(blocking=False):
            with self._taken():
                yield longest
        elif patience := self._patience():
            yield patience
        else:
            raise StalledError(_STALLED)

    @contextmanager
    def _taken(self) -> Iterator[None]:
        mine, self._mine.taken = object(), True
        with self._lock:
            self._since[mine] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._since[mine]
            self._mine.taken = False
            self._free.release()

    def _patience(self) -> float:
        """Seconds until the database counts as one that stores nothing."""
        now = time.monotonic()
        with self._lock:
            return max(0.0, self._stalled - (now - next(iter(self._since.values()), now)))
