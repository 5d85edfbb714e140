"""When tokens were last used, without a write for each request.

Requests note uses in memory; a thread writes them down together from time to
time. A token whose stored time is recent is not noted at all, so one that is used
all day costs a row update a minute.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from marketplace.accounts.tokens import TokenService
from marketplace.db import Database
from marketplace.service_thread import ServiceThread

#: How far the stored time may lag behind.
GRAIN = timedelta(minutes=1)
#: Seconds between two writes.
INTERVAL = 20.0

_logger = logging.getLogger(__name__)


class LastUse(ServiceThread):
    """Uses of tokens that are not written down yet."""

    def __init__(self, database: Database) -> None:
        super().__init__("token-use")
        self._database = database
        self._used: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def note(self, key: int, moment: datetime, stored: datetime | None) -> None:
        """A token was used; ``stored`` is the time that is written down already."""
        if stored is None or moment - stored >= GRAIN:
            with self._lock:
                self._used[key] = moment

    def flush(self) -> None:
        """Write down what was noted; what cannot be written now is kept for the next time."""
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        try:
            with self._database.write() as session:
                TokenService(session).note_use(used)
        except SQLAlchemyError:
            _logger.warning("uses of tokens cannot be written down now", exc_info=True)
            with self._lock:
                self._used = {**used, **self._used}

    def stop(self) -> None:
        """Write a last time and end the thread. Later calls do nothing."""
        super().stop()
        self.flush()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(INTERVAL):
            self.flush()
