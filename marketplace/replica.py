"""A copy of the PostgreSQL database that answers readers, where it has all that they may expect.

A reader is answered by the replica if it has replayed three things: what this process
knows of the logs and wrote itself, what the reader wrote (the position it shows), and what the
primary had written some seconds ago (``database.read_lag``). In any other case, and for every
other request, the primary answers; ``marketplace.http.read_from`` says which requests may go here.
A proxy may lead to several replicas, each as far as it is: so the very connection is asked that answers.
While the primary answers nobody, a replica that was not behind before answers readers by what it has; whoever
shows a position must find that there. Who waits for a server that falls silent waits no longer than
``SILENCE``, and is answered by the other one (``marketplace.watched_server``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from marketplace.db import Database
from marketplace.metrics import Metrics
from marketplace.service_thread import ServiceThread
from marketplace.watched_server import LOOK, WatchedServer

#: Failures in a row of the primary that are its being away.
_AWAY = 2
#: Positions of the primary that are remembered with their times.
_REMEMBERED = 4096
#: Where a connection keeps how far its server was when it was asked last.
_REPLAYED_BY = "replayed"

_PRIMARY = text("SELECT CAST(pg_current_wal_lsn() - '0/0'::pg_lsn AS bigint)")
#: Nothing is written there, also where the URL leads to a primary by mistake.
_READ_ONLY = {"options": "-c default_transaction_read_only=on"}
# A replica that became the primary replays nothing any more, and has all it writes.
_REPLAYED = text(
    "SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
    " - '0/0'::pg_lsn AS bigint)"
)


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


class Replica(ServiceThread):
    """Decides for each reading transaction of a request where it reads. Safe to share between threads.

    Args:
        database: the primary.
        url: of the replica.
        most_lag: seconds that it may be behind.
    """

    def __init__(self, database: Database, url: str, most_lag: float, metrics: Metrics) -> None:
        super().__init__("watch of both servers")
        self._replica = WatchedServer("replica", make_url(url), _REPLAYED, self._learn_replayed, _READ_ONLY)
        self._primary = WatchedServer("primary", database.engine.url, _PRIMARY, self._learn_written)
        self._most_lag = most_lag
        self._metrics = metrics
        self._lock = threading.Lock()
        #: Positions are bytes of the write-ahead log. What this process wrote or knows of must be replayed.
        self._needed = 0
        #: What the replica that is looked at has replayed.
        self._replayed = 0
        #: How often something was written or seen, and how often when ``_needed`` was asked for.
        self._written, self._known = 1, 0
        self._learning = threading.Lock()
        self._looks: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._here = threading.local()
        # Who may not be answered by the replica hears that the primary is silent, instead of waiting for it.
        self._primary.watch_others(database)
        database.choose_reader = self._choose
        database.on_write = self.note

    def start(self) -> None:
        """Begin to look at the replica; until the first look the primary answers everybody."""
        for server in (self._replica, self._primary):
            server.start()
        super().start()

    def stop(self) -> None:
        """End. Later calls do nothing."""
        for server in (self._replica, self._primary):
            server.stop()
        super().stop()

    def note(self) -> None:
        """Something was written here, or seen that another process wrote. Cheap, callable from any thread."""
        with self._lock:
            self._written += 1

    def position(self) -> int:
        """How far the primary has written, to be shown to whoever just wrote something.

        Raises:
            SQLAlchemyError: the primary does not answer.
        """
        return self._primary.ask()

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

    def has_another(self) -> bool:
        """The server that this thread read from last did not answer: whether the other one may do so now."""
        if self._here.used:
            self._replica.give_up()
            return True
        return not self._is_primary_up() and self._replica.is_up()

    def state(self) -> ReplicaState:
        """How the replica fares now."""
        up = self._replica.is_up()
        lag = self._lag() if up else None
        return ReplicaState(up, lag, up and lag is not None and lag <= self._most_lag)

    def _choose(self) -> Connection | None:
        wanted: int | None = getattr(self._here, "wanted", None)
        if wanted is None:
            return None
        replica = self._connect(wanted)
        self._here.used = replica is not None
        self._metrics.count_read("primary" if replica is None else "replica")
        return self._primary.engine.connect() if replica is None else replica

    def _connect(self, wanted: int) -> Connection | None:
        """A connection to a replica that has what is needed; None where there is none."""
        if not self._replica.is_up():
            return None
        if self._knows_needed():
            wanted = max(wanted, self._needed)
        elif self._is_primary_up():
            return None
        recent = self._find_recent()
        if recent is None:
            return None
        try:
            connection = self._replica.engine.connect()
            try:
                if _has(connection, max(wanted, recent)):
                    return connection
            except SQLAlchemyError:
                connection.close()
                raise
        except SQLAlchemyError:
            self._replica.give_up()
            return None
        connection.close()
        return None

    def _is_primary_up(self) -> bool:
        return self._primary.failures < _AWAY and self._primary.is_up()

    def _find_recent(self) -> int | None:
        """Where the primary was ``most_lag`` seconds ago, or before it answered last where it is away."""
        least = self._now() - self._most_lag
        with self._lock:
            if not self._looks:
                return None
            return next((position for moment, position in reversed(self._looks) if moment < least), 0)

    def _lag(self) -> float | None:
        """Seconds since the primary was where the replica is; 0 where it is there now.

        While the primary is away: when it answered last.
        """
        now = self._now()
        with self._lock:
            for moment, position in self._looks:
                # The first place that it has not reached: it is behind by what came since.
                if position > self._replayed:
                    return max(0.0, now - moment)
            return 0.0 if self._looks else None

    def _now(self) -> float:
        return time.monotonic() if self._is_primary_up() else self._primary.answered_at

    def _knows_needed(self) -> bool:
        """Learn what must be replayed, where something was written since; False where the primary is away."""
        if not self._is_primary_up():
            return False
        if self._known == self._written:
            return True
        # Whoever comes meanwhile waits: what was written just now may be its own.
        with self._learning:
            written = self._written
            if self._known < written:
                if not self._is_primary_up():
                    return False  # those who waited before did so long enough for all
                try:
                    # After a failover the new primary may be behind where the old one was.
                    self._needed = self._primary.ask()
                except SQLAlchemyError:
                    return False
                self._known = written
        return True

    def _learn_written(self, position: int) -> None:
        with self._lock:
            if self._looks and position < self._looks[-1][1]:
                # Another server became the primary, and never had what came last at the one before.
                self._looks.clear()
                self._written += 1
            if not self._looks or self._looks[-1][1] != position:
                self._looks.append((time.monotonic(), position))

    def _learn_replayed(self, position: int) -> None:
        self._replayed = position

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(LOOK):
            self._replica.watch()
            # Where nobody else can answer, a late answer is better than none.
            if self._replica.is_up():
                self._primary.watch()


def _has(connection: Connection, wanted: int) -> bool:
    """Whether the server of a connection has replayed a position; leaves no transaction open."""
    known: int = connection.info.get(_REPLAYED_BY, -1)
    if known < wanted:
        known = connection.info[_REPLAYED_BY] = int(connection.execute(_REPLAYED).scalar_one())
        connection.rollback()
    return known >= wanted
