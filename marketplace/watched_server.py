"""A PostgreSQL server that answers readers, and looks at it: nobody goes on to wait for one that is silent.

The system does not tell that a server is gone where a proxy in between confirms every packet, or where the
server hangs and its machine does not. So a connection of its own asks the server four times a second.
Where that question is not answered for some seconds, the connections to the server are ended from this
side, whoever waits for them hears so at once, and no other is made until a look is answered again. Who can be
answered by another server waits for less than those who cannot.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import psycopg
from sqlalchemy import URL, Engine, TextClause, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from marketplace.db import Database
from marketplace.db.pools import MORE_READERS, READERS
from marketplace.db.postgresql import POSTGRESQL_NETWORK, connect_postgresql, drop_ended
from marketplace.service_thread import ServiceThread

#: Seconds between two looks.
LOOK = 0.25
#: Seconds without an answer after which a server counts as away: it may hang.
SILENCE = 2.0
#: The same for those whom no other server can answer.
LONG_SILENCE = 4.0
#: Seconds within which a look fails where somebody says that the server is not there: it does not hang.
_TOLD = 1.0
#: Seconds from a failure to the next try to reach it, after some that came soon: in a failover another server
#: is there before long.
_RETRY = 2.0
#: Failures in a row that are looked into at once.
_SOON = 8
#: What differs for connections that readers wait for, in seconds and milliseconds.
_NETWORK = {"connect_timeout": "2", "tcp_user_timeout": "3000"}

_logger = logging.getLogger(__name__)


class WatchedServer(ServiceThread):
    """Connections to a server, which end where it is silent. Safe to share between threads.

    Args:
        name: of the server in the log.
        position: asks it how far it has come.
        learn: called with each answer, as soon as it is there.
        options: more of what connections are made with; the URL goes before what holds for all of them.
    """

    def __init__(
        self,
        name: str,
        url: URL,
        position: TextClause,
        learn: Callable[[int], None],
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"look at {name}", patience=SILENCE)
        self._name = name
        self._position = position
        self._learn = learn
        network = POSTGRESQL_NETWORK | _NETWORK
        given = {key: value for key, value in network.items() if key not in url.query} | dict(options or {})
        #: For readers.
        self.engine = self._open(url, given, READERS, MORE_READERS, self._connect)
        # A look must find a place, and find out that a silent server answers again.
        self._looks = self._open(url, given, 1, 0, self._keep)
        self._connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self._others: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self._lock = threading.Lock()
        #: When it answered last, and how many looks in a row failed since.
        self._answered_at = float("-inf")
        self.failures = 0
        self._silent = self._is_gone = False
        #: How often ``watch`` has come by since the look began that is under way; None where there is none. A
        #: clock would count the time that this process itself did not run.
        self._waited: int | None = None
        #: The same since it answered last, in all looks.
        self._unanswered = 0

    @property
    def answered_at(self) -> float:
        """When it answered last, by the monotonic clock."""
        return self._answered_at

    def watch_others(self, database: Database) -> None:
        """End the connections that a database makes to the server too, later than those of ``engine``."""
        database.connect_by(self._connect_other)

    def is_up(self) -> bool:
        """Whether it answered within the last seconds."""
        return time.monotonic() - self._answered_at < SILENCE

    def give_up(self) -> None:
        """Count the server as away until it answers the next look, because it failed a reader."""
        self._answered_at = float("-inf")

    def ask(self) -> int:
        """How far it has come.

        Raises:
            SQLAlchemyError: it does not answer.
        """
        return self._ask(self.engine)

    def stop(self) -> None:
        """End, with every connection. Later calls do nothing."""
        super().stop()
        for engine in (self.engine, self._looks):
            engine.dispose()

    def watch(self) -> None:
        """To be called every ``LOOK`` seconds: ends the connections where a look takes too long."""
        with self._lock:
            if self._waited is None:
                return
            self._waited += 1
            self._unanswered += 1
            waiting: list[psycopg.Connection[Any]] = []
            if self._waited * LOOK >= SILENCE:
                self._silent = True
                waiting += self._connections
            if self._unanswered * LOOK >= LONG_SILENCE:
                self._is_gone = True
                waiting += self._others
        for connection in waiting:
            _end(connection)

    def _open(
        self, url: URL, given: dict[str, str], size: int, more: int, connect: Callable[..., Any]
    ) -> Engine:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=size,
            max_overflow=more,
            # Nobody waits for a place: the other server answers.
            pool_timeout=1,
            connect_args=given,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        event.listen(engine, "do_connect", connect)
        drop_ended(engine)
        return engine

    def _connect(self, *how: Any) -> Any:
        return self._keep(*how, refused=self._silent)

    def _connect_other(self, *how: Any) -> Any:
        return self._keep(*how, refused=self._is_gone, among=self._others)

    def _keep(
        self, *how: Any, refused: bool = False, among: WeakSet[psycopg.Connection[Any]] | None = None
    ) -> Any:
        if refused:
            raise psycopg.OperationalError(f"the {self._name} of the database is silent")
        connection = connect_postgresql(*how)
        with self._lock:
            (self._connections if among is None else among).add(connection)
        return connection

    def _ask(self, engine: Engine) -> int:
        with engine.connect() as connection:
            return int(connection.execute(self._position).scalar_one())

    def _run(self, stopping: threading.Event) -> None:
        pause = 0.0
        while not stopping.wait(pause):
            with self._lock:
                self._waited = 0
            try:
                position = self._ask(self._looks)
            except SQLAlchemyError as error:
                if self._waited * LOOK < _TOLD:
                    self._unanswered, self._is_gone = 0, False
                self._fail(error)
                pause = LOOK if self.failures < _SOON else _RETRY
                continue
            finally:
                with self._lock:
                    self._waited = None
            self._learn(position)
            self._answered_at = time.monotonic()
            if self.failures:
                _logger.info("the %s of the database answers again", self._name)
            self.failures, pause = 0, LOOK
            self._unanswered, self._silent, self._is_gone = 0, False, False

    def _fail(self, error: SQLAlchemyError) -> None:
        self.failures += 1
        if self.failures == 1:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            _logger.warning("the %s of the database cannot be used", self._name, extra={"reason": reason})


def _end(connection: psycopg.Connection[Any]) -> None:
    """End a connection that another thread may wait for: that one finds it closed by the other side."""
    with suppress(psycopg.OperationalError, OSError):  # it is closed already
        number = connection.fileno()
        with socket.socket(fileno=os.dup(number)) as same:
            # Where it was closed before it was doubled, the number may be of somebody else's by now.
            if connection.fileno() == number:
                same.shutdown(socket.SHUT_RDWR)
