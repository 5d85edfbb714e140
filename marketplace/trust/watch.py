"""Reads the files of a store again: from time to time, and when another process judged by newer ones."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from marketplace.service_thread import ServiceThread
from marketplace.trust_files import TrustStore

log = logging.getLogger(__name__)

#: Seconds until the next attempt after one that failed.
RETRY = 10.0
#: Seconds between two looks at what other processes judged by.
LISTEN = 3.0


class TrustWatch(ServiceThread):
    """Reloads the trust material on a separate thread, and runs the work that follows from a change.

    Args:
        interval: seconds between two looks at the files.
        after: called at the start and after each look; what it raises is logged, and it is tried again soon.
        find_other: what the stored verdicts were made by, where that is not what this process holds. Such
            a thing is a reason to look at the files at once, one time.
        listen: seconds between two of these questions.
    """

    def __init__(
        self,
        store: TrustStore,
        interval: float,
        after: Callable[[], object] = lambda: None,
        find_other: Callable[[], str | None] = lambda: None,
        *,
        listen: float = LISTEN,
    ) -> None:
        super().__init__("trust-watch")
        self._store = store
        self._interval = interval
        self._after = after
        self._find_other = find_other
        self._listen_interval = listen
        self._heard: str | None = None
        self._due = 0.0
        #: Attempts in a row that failed; 0 while it works.
        self.failures = 0

    def look_soon(self) -> None:
        """Have the files looked at within seconds, by the thread that does so anyway."""
        self._due = 0.0

    def _run(self, stopping: threading.Event) -> None:
        self._try(self._after)
        self._due = time.monotonic() + self._interval
        while not stopping.wait(self._pause()):
            self._try(self._look if self.failures or time.monotonic() >= self._due else self._listen)

    def _pause(self) -> float:
        left = max(0.0, self._due - time.monotonic())
        return min(left, RETRY if self.failures else self._listen_interval)

    def _look(self) -> None:
        self._due = time.monotonic() + self._interval
        self._store.reload()
        self._after()

    def _listen(self) -> None:
        other = self._find_other()
        # Processes with different files must not have each other judge for ever.
        if other is not None and other != self._heard:
            self._heard = other
            self._look()

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # the thread goes on: counted, logged, tried again
            self.failures += 1
            log.exception("trust: the files or the verdicts could not be renewed; what was in force stays so")
        else:
            self.failures = 0


class TrustDuty:
    """Has the files looked at when this process begins to judge for all others; see ``Duty``."""

    def __init__(self, watch: TrustWatch) -> None:
        self._watch = watch

    def start(self) -> None:
        """Begin."""
        self._watch.look_soon()

    def stop(self) -> None:
        """End; the watch goes on, and judges nothing any more."""
