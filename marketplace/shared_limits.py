"""Limits that several processes count together: each decides from memory, and tells the others what was used.

The database has a bucket for each caller who used a good part of its turns
(``limits.SHARED_FROM``). A thread takes what was used since out of it, for all callers in
one statement, and learns what is left there: once a second, and within a tenth of one where a caller is
quick. So a caller who goes from process to process gets past its limit what it uses in that time, and
less than a tenth of its turns in each process besides; never more than its turns in each process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from sqlalchemy import case, delete, extract, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.limits import RateLimit
from marketplace.models import LimitBucket
from marketplace.service_thread import ServiceThread

#: Seconds between two exchanges, and the least where a caller is quick.
INTERVAL, LEAST = 1.0, 0.1
#: Callers that a process tells of at a time: bounds the statement and, with how long rows stay, the table.
MOST = 1000
#: Seconds for which a bucket stays that nobody takes from: it is full by then, also where it was overdrawn.
_KEPT = 120.0
#: Seconds between two removals of such buckets.
_TIDY = 60.0

_logger = logging.getLogger(__name__)


class SharedLimits(ServiceThread):
    """The limits of a process.

    Args:
        database: where processes tell each other what was used; None where each counts for itself.
    """

    def __init__(self, database: Database | None) -> None:
        super().__init__("limits")
        self._database = database
        self._limits: dict[str, RateLimit] = {}
        self._tidy_at = 0.0
        self._failing = False

    def open(self, name: str, per_minute: int) -> RateLimit:
        """A limit.

        Args:
            name: by which other processes know it.
            per_minute: turns of each caller; 0 sets no limit.
        """
        limit = self._limits[name] = RateLimit(per_minute)
        if self._database is not None:
            limit.tell_others(self.nudge)
        return limit

    def start(self) -> None:
        """Begin to tell other processes."""
        if self._database is not None:
            super().start()

    def _run(self, stopping: threading.Event) -> None:
        database = self._database
        while database is not None and not stopping.is_set():
            self._wake.wait(INTERVAL)
            self._wake.clear()
            try:
                self.exchange(database)
                self._failing = False
            except SQLAlchemyError as error:
                if not self._failing:
                    reason = " ".join(str(error).split())[:300]
                    _logger.warning("limits are counted by each process for now", extra={"reason": reason})
                self._failing = True
                stopping.wait(INTERVAL)
            stopping.wait(LEAST)

    def exchange(self, database: Database) -> None:
        """Tell what was used, and learn what is left.

        Raises:
            SQLAlchemyError: the database does not answer; what was used is told the next time.
        """
        untold = {name: limit.take_untold(MOST) for name, limit in self._limits.items() if limit.per_minute}
        callers = {_digest(name, one): (name, one) for name, used in untold.items() for one in used}
        try:
            if callers or time.monotonic() >= self._tidy_at:
                with database.write() as session:
                    left = _take(session, self._limits, untold)
                    self._tidy(session)
            else:
                left = {}
        except BaseException:  # also when interrupted: nothing that was used is forgotten
            for name, used in untold.items():
                self._limits[name].put_back(used)
            raise
        for digest, turns in left.items():
            name, caller = callers[digest]
            self._limits[name].learn({caller: turns})

    def _tidy(self, session: Session) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + _TIDY
            session.execute(
                delete(LimitBucket)
                .where(LimitBucket.at < _now(session) - _KEPT)
                .execution_options(synchronize_session=False)
            )


def _take(
    session: Session, limits: Mapping[str, RateLimit], untold: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Take turns out of buckets, which fill evenly meanwhile; how many each has left."""
    now = _now(session)
    rows = [
        {
            "caller": _digest(name, caller),
            "turns": limits[name].per_minute - used,
            "size": limits[name].per_minute,
            "at": now,
        }
        for name, callers in untold.items()
        for caller, used in callers.items()
    ]
    if not rows:
        return {}
    # In one order, so that two processes do not wait for each other.
    rows.sort(key=lambda row: str(row["caller"]))
    dialect: Any = postgresql if session.connection().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(LimitBucket).values(rows)
    given = statement.excluded
    filled = LimitBucket.turns + (given.at - LimitBucket.at) * given.size / 60
    left = case((filled < given.size, filled), else_=given.size) - (given.size - given.turns)
    statement = statement.on_conflict_do_update(
        index_elements=[LimitBucket.caller],
        set_={
            "turns": case((left < -given.size, -given.size), else_=left),
            "size": given.size,
            "at": given.at,
        },
    ).returning(LimitBucket.caller, LimitBucket.turns)
    found = session.execute(statement, execution_options={"synchronize_session": False})
    return {caller: float(turns) for caller, turns in found}


def _now(session: Session) -> Any:
    """Seconds since 1970 by one clock for all processes; with SQLite they are on one machine."""
    if session.connection().dialect.name == "postgresql":
        return extract("epoch", func.clock_timestamp())
    return time.time()


def _digest(name: str, caller: str) -> str:
    return blake2b(f"{name} {caller}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
