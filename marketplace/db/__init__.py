"""One database, two kinds of transaction: consistent snapshots to read, durable ones to write.

SQLite: WAL, so readers never wait and never make a writer wait;
``synchronous=FULL``, because with NORMAL a power cut loses commits that were
acknowledged; writers begin with BEGIN IMMEDIATE, because a deferred
transaction that upgrades to writing fails instead of waiting. The writers of
one process take turns before they ask the file, which can only be asked again and
again. PostgreSQL: readers run REPEATABLE READ, READ ONLY; writers READ COMMITTED.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from marketplace.db.postgresql import connect_postgresql, open_postgresql
from marketplace.db.sqlite import BUSY_PAUSE, BUSY_TIMEOUT, make_file, open_sqlite
from marketplace.models.base import SNAPSHOT

if TYPE_CHECKING:
    from marketplace.upgrading import Upgraded

#: Seconds to wait for readers to end that keep what was written over.
_HISTORY_SECONDS = 10


class Database:
    """The engine of a marketplace's database and its sessions. Safe to share between threads."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self.engine = engine
        self._reader = reader
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        #: Looks at each writing transaction of threads that asked for it, and raises where it must not be.
        self.fence: Callable[[Session], None] = lambda session: None
        self._fenced = threading.local()
        #: A connection for a reading transaction of this thread; None: any to the primary.
        self.choose_reader: Callable[[], Connection | None] = lambda: None
        #: Gives a writing transaction of a thread that answers a request its place, or raises StalledError.
        self.place: Callable[[], AbstractContextManager[None]] = nullcontext
        self._answers = threading.local()
        self._snapshot = threading.local()
        #: Is told after each transaction that wrote.
        self.on_write: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect lazily to a database.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``.

        Raises:
            ValueError: another kind of database, or SQLite in memory.
        """
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return cls(open_sqlite(parsed, writes=True), open_sqlite(parsed, writes=False))
        if parsed.get_backend_name() == "postgresql":
            return cls(*open_postgresql(parsed.set(drivername="postgresql+psycopg")))
        raise ValueError(f"{parsed.get_backend_name()} is not a supported database: use sqlite or postgresql")

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent snapshot; it cannot write and holds up nobody.

        In a block of ``snapshot`` it is the block's.
        """
        shared: Session | None = getattr(self._snapshot, "session", None)
        if shared is not None:
            try:
                yield shared
            except BaseException:
                # A statement may have failed, and whoever goes on reading begins a snapshot of its own.
                shared.rollback()
                shared.info[SNAPSHOT].clear()
                raise
            return
        connection = self.choose_reader()
        with (
            nullcontext(self._reader) if connection is None else connection as bind,
            Session(bind, autoflush=False, expire_on_commit=False, info={SNAPSHOT: {}}) as session,
        ):
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have everything that this thread reads in the block be of one snapshot, by one transaction.

        Not for a block that writes and then reads: it would not see what it wrote.
        """
        if getattr(self._snapshot, "session", None) is not None:
            yield
            return
        with self.read() as session:
            self._snapshot.session = session
            try:
                yield
            finally:
                self._snapshot.session = None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits durably at the end of the block and rolls back on an exception.

        Raises:
            OperationalError: another writer of a SQLite database does not end.
            StalledError: the thread answers a request, and as many wait for the database as may.
        """
        with (
            self.place() if getattr(self._answers, "here", False) else nullcontext(),
            _holding(self._turn),
            Session(self.engine, autoflush=False, expire_on_commit=False) as session,
            session.begin(),
        ):
            if getattr(self._fenced, "here", False):
                self.fence(session)
            yield session
        self.on_write()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Have every writing transaction that this thread begins in the block take one of the ``place``s."""
        self._answers.here = True
        try:
            yield
        finally:
            self._answers.here = False

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """Have the fence look at every writing transaction that this thread begins in the block."""
        self._fenced.here = True
        try:
            yield
        finally:
            self._fenced.here = False

    def glance(self) -> Glance:
        """A connection to the primary for what is asked many times a second; to be closed.

        Raises:
            OperationalError: the database does not answer.
        """
        return Glance(self._reader)

    def connect_by(self, connect: Callable[..., Any]) -> None:
        """Have a function make connections to PostgreSQL, in the place of ``connect_postgresql``.

        Idle ones that were made before are closed.
        """
        for engine in (self.engine, self._reader):
            engine.dispose()
            event.remove(engine, "do_connect", connect_postgresql)
            event.listen(engine, "do_connect", connect)

    def drop_history(self) -> bool:
        """Take out of the files what was written over: with SQLite the log beside the database.

        Returns:
            whether all of it went; readers that do not end keep it.
        """
        if self.dialect != "sqlite":
            return True
        deadline = time.monotonic() + _HISTORY_SECONDS
        while True:
            with _holding(self._turn), closing(self.engine.raw_connection()) as connection:
                driver: Any = connection.dbapi_connection
                try:
                    (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                except sqlite3.OperationalError:
                    busy = True
            if not busy or time.monotonic() > deadline:
                return not busy
            time.sleep(random.uniform(BUSY_PAUSE, 10 * BUSY_PAUSE))  # noqa: S311 - not a secret

    def close(self) -> None:
        """Close every idle connection; sessions still open close theirs when they end."""
        self._reader.dispose()
        self.engine.dispose()


class Glance:
    """A connection on which each statement is a transaction of its own, past everything that makes a session.

    Not to be shared by threads that ask at the same time.

    Raises:
        OperationalError: the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._failure = engine.dialect.loaded_dbapi.Error
        with self._translated():
            self._connection = engine.raw_connection()
        self._connection.detach()  # its mode is not one that the pool's other users expect
        driver: Any = self._connection.dbapi_connection
        if engine.dialect.name == "postgresql":
            driver.autocommit = True
        self._driver = driver

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement, written as the driver wants it, with values; returns its rows.

        Raises:
            OperationalError: the database does not answer.
        """
        with self._translated():
            cursor = self._driver.execute(statement, values) if values else self._driver.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._failure as error:
            raise OperationalError(None, None, error) from error


@contextmanager
def _holding(turn: threading.Lock | None) -> Iterator[None]:
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=BUSY_TIMEOUT):
        raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
    try:
        yield
    finally:
        turn.release()


def upgrade(url: str, *given: Any, **options: Any) -> Upgraded:
    """Bring a database to the newest schema, creating it where it is empty; safe to call at every start.

    Args:
        given, options: as of ``marketplace.upgrading.upgrade_engine``.

    Returns:
        as that.

    Raises:
        SchemaError: as of that.
    """
    from marketplace.upgrading import upgrade_engine

    make_file(url)
    database = Database.open(url)
    try:
        return upgrade_engine(database.engine, *given, **options)
    finally:
        database.close()


def initialise(url: str) -> None:
    """Give an empty database its schema, and leave any other one alone."""
    from marketplace.upgrading import initialise_empty

    make_file(url)
    database = Database.open(url)
    try:
        initialise_empty(database.engine)
    finally:
        database.close()
