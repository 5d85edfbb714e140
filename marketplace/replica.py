"""A copy of the PostgreSQL database that answers readers, where it has all that they may expect.

A reader is answered by the replica if it has replayed three things: what this process
knows of the logs and wrote itself, what the reader wrote (the position it shows), and what the
primary had written some seconds ago (``database.read_lag``). In any other case, and for every
other request, the primary answers; ``marketplace.http.read_from`` says which requests may go here.
While the primary answers nobody, a replica that was not behind before answers readers by what it has; whoever
shows a position must find that there.
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
#: Seconds from a failure to the next try to reach it, after some that came soon: in a failover another server
#: is there before long.
_RETRY = 2.0
#: Failures in a row of the primary that are its being away, and of either that are looked into at once.
_AWAY, _SOON = 2, 8
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
    """The state of the replica.

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
        #: When the primary answered last, and how often in a row it did not since.
        self._primary_at = float("-inf")
        self._primary_failures = 0
        self._here = threading.local()
        self._stopping = threading.Event()
        # Two, because a server that hangs must not keep the other one from being looked at.
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("replica", self._look_at_replica), ("primary", self._look_at_primary))
        ]
        database.choose_reader = self._choose
        database.on_write = self.note

    def start(self) -> None:
        """Begin to look at the replica; until the first look the primary answers everybody."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End. Later calls do nothing."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(SILENCE)
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
        if self._is_primary_up():
            if not self._knows_needed():
                return False
            wanted = max(wanted, self._needed)
        try:
            if self._replayed < wanted:
                self._learn_replayed()
        except SQLAlchemyError:
            self.give_up()
            return False
        lag = self._lag()
        return self._replayed >= wanted and lag is not None and lag <= self._most_lag

    def _is_primary_up(self) -> bool:
        return self._primary_failures < _AWAY and time.monotonic() - self._primary_at < SILENCE

    def _is_up(self) -> bool:
        return time.monotonic() - self._looked_at < SILENCE

    def _lag(self) -> float | None:
        """Seconds since the primary was where the replica is; 0 where it is there now.

        While the primary is away: when it answered last.
        """
        now = time.monotonic() if self._is_primary_up() else self._primary_at
        with self._lock:
            for moment, position in self._looks:
                # The first place that it has not reached: it is behind by what came since.
                if position > self._replayed:
                    return max(0.0, now - moment)
            return 0.0 if self._looks else None

    def _knows_needed(self) -> bool:
        """Learn what must be replayed, where something was written since; False where the primary is away."""
        if self._known == self._written:
            return True
        # Whoever comes meanwhile waits: what was written just now may be its own.
        with self._learning:
            written = self._written
            if self._known < written:
                try:
                    # After a failover the new primary may be behind where the old one was.
                    self._needed = self._ask_primary()
                except SQLAlchemyError:
                    return False
                self._known = written
        return True

    def _learn_replayed(self) -> None:
        with self._engine.connect() as connection:
            self._replayed = int(connection.execute(_REPLAYED).scalar_one())

    def _ask_primary(self) -> int:
        with self._database.primary() as session:
            return int(session.scalars(_PRIMARY).one())

    def _look_at_primary(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                position = self._ask_primary()
            except SQLAlchemyError:
                # Whoever needs the primary says so in the log.
                self._primary_failures += 1
                pause = LOOK if self._primary_failures < _SOON else _RETRY
                continue
            with self._lock:
                if self._looks and position < self._looks[-1][1]:
                    # Another server became the primary, and never had what came last at the one before.
                    self._looks.clear()
                    self._written += 1
                if not self._looks or self._looks[-1][1] != position:
                    self._looks.append((time.monotonic(), position))
            self._primary_at, self._primary_failures = time.monotonic(), 0
            pause = LOOK

    def _look_at_replica(self) -> None:
        pause, failures = 0.0, 0
        while not self._stopping.wait(pause):
            try:
                self._learn_replayed()
            except SQLAlchemyError as error:
                self.give_up()
                failures += 1
                pause = LOOK if failures < _SOON else _RETRY
                if failures == 1:
                    reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
                    _logger.warning("the replica cannot be used", extra={"reason": reason})
                continue
            with self._lock:
                # The newest look stays: a replica that has it is behind by nothing.
                while len(self._looks) > 1 and self._looks[0][1] <= self._replayed:
                    self._looks.popleft()
            self._looked_at = time.monotonic()
            if failures:
                _logger.info("the replica answers again")
            failures, pause = 0, LOOK
