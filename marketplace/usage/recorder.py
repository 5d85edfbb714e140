"""Counts in memory, and adds to the sums of the database every few seconds and at the end."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from marketplace.config.usage import UsageSettings
from marketplace.db import Database
from marketplace.service_thread import ServiceThread
from marketplace.usage.monthly_sums import fold
from marketplace.usage.sums import add_uses, number_of
from marketplace.usage.tally import MOST, Tally, Use, UseKind

log = logging.getLogger(__name__)


class UsageRecorder(ServiceThread):
    """The counting of one process. Safe to share between threads.

    A process that is killed loses what it counted since the last write: ``settings.interval`` seconds.
    A use belongs to the day (UTC) in which the process took it from its memory.

    Args:
        now: the clock.
    """

    def __init__(self, database: Database, settings: UsageSettings, now: Callable[[], datetime]) -> None:
        super().__init__("usage", patience=30.0)
        self._database = database
        self._settings = settings
        self._now = now
        self._tally = Tally(self._wake.set)
        #: Taken from memory and not in the database yet, by day.
        self._owed: defaultdict[int, dict[Use, int]] = defaultdict(dict)
        self._flushing = threading.Lock()
        self._failing = False

    def count(self, use: Use | None, known: bool = False) -> None:
        """Count a use of something that is there.

        Args:
            use: None counts nothing.
            known: whether who asked showed credentials.
        """
        if use is not None and self._settings.enabled:
            self._tally.add(use, known)

    def note_imports(self, count: int) -> None:
        """Count imports that were added to their sums."""
        self._tally.note_imports(count)

    def totals(self) -> Mapping[tuple[UseKind, bool], int]:
        """Uses since this process began, by kind and whether credentials were shown."""
        return self._tally.totals()

    @property
    def lost(self) -> int:
        """Uses that are in no sum, since this process began."""
        return self._tally.lost

    def stop(self) -> None:
        """Write what was counted, and end; later calls do nothing."""
        if self.is_ending:
            return
        super().stop()
        self.flush()
        with self._flushing:
            lost = sum(sum(uses.values()) for uses in self._owed.values())
        if lost:
            log.error("the database takes nothing: uses that were counted are lost", extra={"uses": lost})

    def flush(self) -> None:
        """Add what was counted to the sums. What the database does not take is tried again the next time."""
        with self._flushing:
            self._owe(number_of(self._now().date()), self._tally.take())
            for day in sorted(self._owed):
                try:
                    with self._database.write() as session:
                        add_uses(session, day, self._owed[day])
                except SQLAlchemyError as error:
                    self._tell_failure(error)
                    return
                del self._owed[day]
            self._failing = False

    def fold(self) -> None:
        """Join old days to months, and forget old months."""
        fold(self._database, self._settings.days, self._settings.months)

    def _owe(self, day: int, taken: Mapping[Use, int]) -> None:
        if not taken:
            return
        owed = self._owed[day]
        room = MOST - sum(map(len, self._owed.values()))
        for use, count in taken.items():
            if use not in owed:
                if room <= 0:
                    self._tally.lose(count)
                    continue
                room -= 1
            owed[use] = owed.get(use, 0) + count

    def _tell_failure(self, error: SQLAlchemyError) -> None:
        if not self._failing:
            reason = str(getattr(error, "orig", None) or error)
            log.error(
                "counted uses cannot be written; they are kept and tried again", extra={"reason": reason}
            )
        self._failing = True

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.wait(self._settings.interval)
            self._wake.clear()
            try:
                self.flush()
            except Exception:  # the thread goes on: logged, and tried again
                log.exception("counted uses cannot be written; they are kept and tried again")
