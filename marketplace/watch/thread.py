"""The thread that looks: one location after the other, with a pause between two looks at one host."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from marketplace.background import Job
from marketplace.changes import LogNotFoundError
from marketplace.config.sections import WatchSettings
from marketplace.locations import AddressGuard, Looker, LookLimits
from marketplace.watch.service import WatchService

_logger = logging.getLogger(__name__)
#: A look reads the very beginning of the content: enough to know that it is served.
_LIMITS = LookLimits(most_bytes=1024)
#: Seconds after which it is tried again where the database does not answer.
_RETRY = 30.0
#: Seconds between two looks at what is due, where nothing is; entries that came are found then too.
_IDLE = 2.0
#: Hosts that rest at a time: with more of them the thread rests as well.
_MOST_RESTING = 500


class LocationWatch(Job):
    """Looks at locations until it is stopped: after the look that is under way, whose result may be lost.

    Args:
        service: says which, and keeps what was found.
    """

    def __init__(self, service: WatchService, settings: WatchSettings) -> None:
        super().__init__(service.database, "locations", patience=5.0)
        self._service = service
        self._settings = settings
        #: Hosts that were asked, and when each may be asked again.
        self._resting: dict[str, float] = {}

    def start(self) -> None:
        """Begin, where the settings ask for it."""
        if self._settings.enabled:
            super().start()

    def _run(self, stopping: threading.Event) -> None:
        with Looker(AddressGuard(self._settings.allow_private), _LIMITS) as looker:
            pause = 0.0
            while not stopping.wait(pause):
                try:
                    while self._service.learn() and not stopping.is_set():
                        pass
                    pause = self._look(looker)
                except (SQLAlchemyError, LogNotFoundError):
                    _logger.exception("locations cannot be watched; tried again")
                    pause = _RETRY

    def _look(self, looker: Looker) -> float:
        """Look at one location, if one is due at a host that was not asked just now; seconds to the next."""
        now = time.monotonic()
        self._resting = {host: until for host, until in self._resting.items() if until > now}
        if len(self._resting) < _MOST_RESTING and (due := self._service.take(self._resting)) is not None:
            self._service.keep(due, looker.look(due.uri))
            self._resting[due.host] = time.monotonic() + self._settings.pause
            return 0.0
        return min([_IDLE, *(until - now for until in self._resting.values())])
