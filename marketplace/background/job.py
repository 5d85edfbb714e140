"""A thread that works only while this process does the background work."""

from __future__ import annotations

import threading

from marketplace.db import Database
from marketplace.service_thread import ServiceThread


class Job(ServiceThread):
    """What the thread writes is stored only as long as this process does the background work.

    Args:
        thread_name, patience: as ``ServiceThread`` takes them.
    """

    def __init__(self, database: Database, thread_name: str, patience: float | None) -> None:
        super().__init__(thread_name, patience)
        self._database = database

    def _work(self, earlier: threading.Thread | None, stopping: threading.Event) -> None:
        with self._database.fenced():
            super()._work(earlier, stopping)
