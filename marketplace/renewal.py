"""Has a process start anew after something was erased, so that nothing of it stays in its memory.

What was erased goes out of every cache at once, but neither Python nor the C library writes over memory
that was let go: the words lie there until something else comes to the same place, which may be never. Only a
new process surely has none of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from marketplace.db import Database
from marketplace.models import Erasure
from marketplace.service_thread import ServiceThread

#: Seconds between two looks: other processes and commands erase, too.
LOOK = 2.0

_logger = logging.getLogger(__name__)


def _warn() -> None:
    _logger.warning("what was erased may still be in the memory of this process: restart it")


class Renewal(ServiceThread):
    """Looks whether something was erased since the process started.

    It begins before anything of an entry is read.

    Args:
        is_settled: whether everything that the process keeps of entries was made anew since: a new process
            must not read it out of an old index.
    """

    def __init__(self, database: Database, is_settled: Callable[[], bool]) -> None:
        super().__init__("renewal")
        self._database = database
        self._is_settled = is_settled
        #: Called once, on a thread of its own, when the process should start anew.
        self.on_due: Callable[[], None] = _warn

    def _run(self, stopping: threading.Event) -> None:
        known = self._count()
        while not stopping.wait(LOOK):
            found = self._count()
            if known is None or found is None:
                known = found if known is None else known
            elif found > known and self._settled():
                _logger.info("something was erased: this process is replaced by a new one")
                self.on_due()
                return

    def _count(self) -> int | None:
        """Erased entries; None where the database does not tell."""
        try:
            with self._database.read() as session:
                return session.scalar(select(func.count()).select_from(Erasure)) or 0
        except (SQLAlchemyError, OSError):
            return None  # the followers tell of a database that does not answer

    def _settled(self) -> bool:
        try:
            return self._is_settled()
        except (SQLAlchemyError, OSError):
            return False
