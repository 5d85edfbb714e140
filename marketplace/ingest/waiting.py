"""Keeps uploads that wait for a database that does not move from taking every thread that answers readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from marketplace.ingest.errors import StoreUnavailableError
from marketplace.ingest.items import IngestResult

#: Seconds after which an upload is told that nothing is known of it. A proxy in front waits longer.
LONGEST = 60.0
#: Seconds that the oldest upload waits when the database counts as one that does not move: a commit takes
#: milliseconds, and the loss of a synchronous standby some seconds.
STALLED = 5.0

_UNKNOWN = "it may have stored this entry or not: upload it again, it is stored once"


class WaitingRoom:
    """Where uploads wait for their commit.

    Args:
        places: uploads that may wait while the database does not move; further ones are refused at once.
        longest: seconds that one waits.
        stalled: seconds as above.
    """

    def __init__(self, places: int, *, longest: float = LONGEST, stalled: float = STALLED) -> None:
        self._places = places
        self._longest = longest
        self._stalled = stalled
        self._lock = threading.Lock()
        # In the order in which they came.
        self._since: dict[object, float] = {}

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place for the length of the block.

        Raises:
            StoreUnavailableError: as many wait as may, and the first of them has waited for long.
        """
        mine, now = object(), time.monotonic()
        with self._lock:
            first = next(iter(self._since.values()), now)
            if len(self._since) >= self._places and now - first > self._stalled:
                raise StoreUnavailableError("the database stores nothing at the moment: try again later")
            self._since[mine] = now
        try:
            yield
        finally:
            with self._lock:
                del self._since[mine]

    def wait(self, answer: Future[IngestResult]) -> IngestResult:
        """Wait for a receipt.

        Raises:
            StoreUnavailableError: it took too long.
            IngestError, LogNotFoundError: what the writer found.
        """
        try:
            return answer.result(self._longest)
        except TimeoutError:
            raise StoreUnavailableError(
                f"the database has not answered for {self._longest:g} s; {_UNKNOWN}"
            ) from None
