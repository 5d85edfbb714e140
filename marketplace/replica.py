"""A copy of the PostgreSQL database that answers readers, where it has all that they may expect.

A reader is answered by the replica if it has replayed three things: what this process
knows of the logs and wrote itself, what the reader wrote (the position it shows), and what the
primary had written some seconds ago (``database.read_lag``). In any other case, and for every
other request, the primary answers; ``marketplace.http.read_from`` says which requests may go here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from marketplace.db import Database, open_replica_engine
from marketplace.metrics import Metrics

#: Seconds between two looks at both servers.
LOOK = 0.25
#: Seconds without a look that succeeded after which the replica counts as away: it may hang.
SILENCE = 2.0
#: Seconds from a failure to the next try to reach it.
_RETRY = 2.0
#: Positions of the primary that are remembered with their times.
_REMEMBERED = 4096

_PRIMARY = text("SELECT CAST(pg_current_wal_lsn() - '0/0'::pg_lsn AS bigint)")
# A replica that became the primary replays nothing any more, and has all it writes.
_REPLAYED = text(
    "SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
    " - '0/0'::pg_lsn AS bigint)"
)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How the replica fares.

    Args:
        up: whether it answers.
        lag: seconds by which it is behind the primary; None where that is not known.
        used: whether it answers readers now.
    """

    up: bool
    lag: float | None
    used: bool


class Replica:
    """Decides for each reading transaction of a request where it reads. Safe to share between threads.

    Args:
        database: the primary.
        url: of the replica.
        most_lag: seconds that it may be behind.
    """

    def __init__(self, database: Database, url: str, most_lag: float, metrics: Metrics) -> None:
        self._database = database
        self._engine = open_replica_engine(url)
        self._most_lag = most_lag
        self._metrics = metrics
        self._lock = threading.Lock()
        #: Positions are bytes of the write-ahead log. What this process wrote or knows of must be replayed.
        self._needed = 0
        self._replayed = 0
        #: How often something was written or seen, and how often when ``_needed`` was asked for.
        self._written, self._known = 1, 0
        self._learning = threading.Lock()
        self._looks: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._looked_at = float("-inf")
        self._failing = False
        self._here = threading.local()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica", daemon=True)
        database.choose_reader = self._choose
        database.on_write = self.note

    def start(self) -> None:
        """Begin to look at the replica; until the first look the primary answers everybody."""
        self._thread.start()

    def stop(self) -> None:
        """End. Later calls do nothing."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(SILENCE)
        self._engine.dispose()

    def note(self) -> None:
        """Something was written here, or seen that another process wrote. Cheap, callable from any thread."""
        with self._lock:
            self._written += 1

    def position(self) -> int:
        """How far the primary has written, to be shown to whoever just wrote something.

        Raises:
            SQLAlchemyError: the primary does not answer.
        """
        return self._ask_primary()

    @contextmanager
    def reading(self, position: int) -> Iterator[Callable[[], bool]]:
        """Let this thread read from the replica in the block, where it has what is needed.

        Args:
            position: that must have been replayed.

        Yields:
            tells whether the replica was read from.
        """
        self._here.wanted, self._here.used = position, False
        try:
            yield lambda: bool(self._here.used)
        finally:
            self._here.wanted = None

    def give_up(self) -> None:
        """The replica failed a reader: the primary answers until it is seen to work again."""
        self._looked_at = float("-inf")

    def state(self) -> ReplicaState:
        """How the replica fares now."""
        up = self._is_up()
        lag = self._lag() if up else None
        return ReplicaState(up, lag, up and lag is not None and lag <= self._most_lag)

    def _choose(self) -> Engine | None:
        wanted: int | None = getattr(self._here, "wanted", None)
        if wanted is None:
            return None
        if not self._has(wanted):
            self._metrics.count_read("primary")
            return None
        self._here.used = True
        self._metrics.count_read("replica")
        return self._engine

    def _has(self, wanted: int) -> bool:
        if not self._is_up():
            return False
        try:
            if self._known < self._written:
                self._learn_needed()
            if self._replayed < max(wanted, self._needed):
                self._learn_replayed()
        except SQLAlchemyError:
            self.give_up()
            return False
        lag = self._lag()
        return self._replayed >= max(wanted, self._needed) and lag is not None and lag <= self._most_lag

    def _is_up(self) -> bool:
        return time.monotonic() - self._looked_at < SILENCE

    def _lag(self) -> float | None:
        """Seconds since the primary was where the replica is; 0 where it is there now."""
        with self._lock:
            for moment, position in self._looks:
                # The first place that it has not reached: it is behind by what came since.
                if position > self._replayed:
                    return time.monotonic() - moment
            return 0.0 if self._looks else None

    def _learn_needed(self) -> None:
        # Whoever comes meanwhile waits: what was written just now may be its own.
        with self._learning:
            written = self._written
            if self._known < written:
                # After a failover the new primary may be behind where the old one was.
                self._needed = self._ask_primary()
                self._known = written

    def _learn_replayed(self) -> None:
        with self._engine.connect() as connection:
            self._replayed = int(connection.execute(_REPLAYED).scalar_one())

    def _ask_primary(self) -> int:
        with self._database.primary() as session:
            return int(session.scalars(_PRIMARY).one())

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                position = self._ask_primary()
                with self._lock:
                    if not self._looks or self._looks[-1][1] != position:
                        self._looks.append((time.monotonic(), position))
                self._learn_replayed()
                with self._lock:
                    # The newest look stays: a replica that has it is behind by nothing.
                    while len(self._looks) > 1 and self._looks[0][1] <= self._replayed:
                        self._looks.popleft()
                self._looked_at = time.monotonic()
                if self._failing:
                    _logger.info("the replica answers again")
                self._failing, pause = False, LOOK
            except SQLAlchemyError as error:
                self.give_up()
                pause = _RETRY
                if not self._failing:
                    reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
                    _logger.warning("the replica cannot be used", extra={"reason": reason})
                self._failing = True
