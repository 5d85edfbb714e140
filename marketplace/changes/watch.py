"""Sees that a log has grown or is shown otherwise, whoever wrote: other processes write without a word.

Everything in a process that follows the logs is told by this one thread, so that
only it has to ask the database several times a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from marketplace.db import Database
from marketplace.service_thread import ServiceThread

#: Seconds between two looks.
LOOK = 0.2
#: Seconds until the next attempt where the database does not answer.
_RETRY = 1.0
#: Changes with every row of every log, with every new log, with what is shown of one, with verdicts, with
#: what was erased, and with definitions of views.
_STATE = (
    "SELECT count(*), sum(next_sequence), sum(revision), sum(renewals),"
    " (SELECT max(revision) FROM trust_state),"
    " (SELECT count(*) FROM erasure), (SELECT count(*) FROM named_view), (SELECT max(id) FROM named_view),"
    " (SELECT sum(revision) FROM named_view) FROM log"
)

_logger = logging.getLogger(__name__)


class LogWatch(ServiceThread):
    """Looks at the logs until it is stopped.

    Args:
        on_growth: called at the start and whenever a log has grown, on this thread; must be quick.
        on_change: called likewise, before that, and whenever anything changed that readers see: also what a
            log shows, how the site stands to certificates, and definitions of views.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        database: Database,
        on_growth: Callable[[], None],
        on_change: Callable[[], None] = lambda: None,
        *,
        interval: float = LOOK,
    ) -> None:
        super().__init__("log-watch", patience=30.0)
        self._database = database
        self._on_growth = on_growth
        self._on_change = on_change
        self._interval = interval

    def _run(self, stopping: threading.Event) -> None:
        failing = False
        while not stopping.is_set():
            try:
                with closing(self._database.glance()) as glance:
                    known: tuple[Any, ...] = ()
                    while not stopping.is_set():
                        (state,) = glance.ask(_STATE)
                        failing = False
                        before, known = known, state
                        if before != known:
                            self._on_change()
                        if before[:2] != known[:2]:
                            self._on_growth()
                        stopping.wait(self._interval)
            except Exception:  # the thread goes on: it is logged, and tried again
                if not failing:
                    _logger.exception("the logs cannot be looked at; tried again every %g s", _RETRY)
                failing = True
                stopping.wait(_RETRY)
