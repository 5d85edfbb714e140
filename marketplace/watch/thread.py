"""The thread that looks: one location after the other, with a pause between."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from marketplace.changes import LogNotFoundError
from marketplace.config.sections import WatchSettings
from marketplace.locations import AddressGuard, Looker, LookLimits
from marketplace.watch.service import WatchService

_logger = logging.getLogger(__name__)
#: A look reads the very beginning of the content: enough to know that it is served.
_LIMITS = LookLimits(most_bytes=1024)
#: Seconds after which it is tried again where the database does not answer.
_RETRY = 30.0


class LocationWatch:
    """Looks at locations until it is stopped.

    Args:
        service: says which, and keeps what was found.
    """

    def __init__(self, service: WatchService, settings: WatchSettings) -> None:
        self._service = service
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="locations", daemon=True)

    def start(self) -> None:
        """Begin, where the settings ask for it."""
        if self._settings.enabled:
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the look that is under way; what it found may then be lost, and is looked for again."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        with Looker(AddressGuard(self._settings.allow_private), _LIMITS) as looker:
            pause = 0.0
            while not self._stopping.wait(pause):
                try:
                    while self._service.learn() and not self._stopping.is_set():
                        pass
                    due = self._service.take()
                    if due is not None:
                        self._service.keep(due, looker.look(due.uri))
                    pause = self._settings.pause
                except (SQLAlchemyError, LogNotFoundError):
                    _logger.exception("locations cannot be watched; tried again")
                    pause = max(_RETRY, self._settings.pause)
