"""One database, two kinds of transaction: consistent snapshots to read, durable ones to write.

SQLite: WAL, so readers never wait and never make a writer wait;
``synchronous=FULL``, because with NORMAL a power cut loses commits that were
acknowledged; writers begin with BEGIN IMMEDIATE, because a deferred
transaction that upgrades to writing fails instead of waiting. The writers of
one process take turns before they ask the file, which can only be asked again and
again. PostgreSQL: readers run REPEATABLE READ, READ ONLY; writers READ COMMITTED.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

#: Seconds a SQLite writer waits for other writers' transactions to end.
BUSY_TIMEOUT = 60
#: Longest pause in seconds between two tries for the write lock. SQLite's own pauses grow to 0.1 s: on a
#: disk that takes 50 ms to sync, a writer then slept through every gap of busier ones until it failed.
BUSY_PAUSE = 0.01
#: Seconds to wait for readers to end that keep what was written over.
_HISTORY_SECONDS = 10
#: Connections kept for readers, and how many more may be opened at the same time.
READERS, MORE_READERS = 8, 56
#: Connections kept for writers: the ingest thread, followers' cursors, commands.
WRITERS, MORE_WRITERS = 4, 12
#: Kibibytes of page cache a SQLite connection may hold; the operating system caches the file besides.
SQLITE_CACHE_KIB = 4096
#: The same for one that writes. Entries come in any order of their indexes: a transaction of many changes
#: thousands of pages, and writes those twice that find no room. Writers take turns, so there is one of these.
SQLITE_WRITER_CACHE_KIB = 16384
#: What finds out in seconds that a PostgreSQL server is gone without a word: when connecting (seconds, for
#: each host of the URL), when nothing confirms what was sent (milliseconds), and when no answer comes
#: (seconds, seconds, and how often). A URL may say something else.
POSTGRESQL_NETWORK = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
#: SQLSTATE of a write where only reading is possible: the server was the primary, or will be.
_READ_ONLY = "25006"


#: The oldest PostgreSQL that is supported, and the oldest SQLite that has what statements use (RETURNING).
OLDEST_POSTGRESQL, OLDEST_SQLITE = 15, (3, 35, 0)


class UnfitError(SQLAlchemyError):
    """A database that cannot be used as it is; the message says what to do."""

    fault = "store.version"


class DatabaseEncodingError(UnfitError):
    """A PostgreSQL database that cannot hold every letter, so that some entry could not be stored."""

    fault = "store.encoding"


class DatabaseVersionError(UnfitError):
    """A database that is older than what is needed."""


class StalledError(SQLAlchemyError):
    """A database that has stored nothing for some seconds, while many requests wait for it."""


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Whether an error tells that the database does not answer now, and not that it was asked wrongly."""
    if isinstance(error, UnfitError | StalledError | PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        # The plain error is one in the statement.
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
        return isinstance(error, OperationalError) and code != sqlite3.SQLITE_ERROR
    return (
        error.connection_invalidated
        or isinstance(error, OperationalError | InterfaceError)
        or getattr(error.orig, "sqlstate", None) == _READ_ONLY
    )


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
            return cls(_sqlite_engine(parsed, writes=True), _sqlite_engine(parsed, writes=False))
        if parsed.get_backend_name() == "postgresql":
            return _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
        raise ValueError(f"{parsed.get_backend_name()} is not a supported database: use sqlite or postgresql")

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent snapshot; it cannot write and holds up nobody."""
        connection = self.choose_reader()
        with (
            nullcontext(self._reader) if connection is None else connection as bind,
            Session(bind, autoflush=False, expire_on_commit=False) as session,
        ):
            yield session

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
        with self._told():
            self._connection = engine.raw_connection()
        self._connection.detach()  # its mode is not one that the pool's other users expect
        driver: Any = self._connection.dbapi_connection
        if engine.dialect.name == "postgresql":
            driver.autocommit = True
        self._driver = driver

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement; returns its rows.

        Raises:
            OperationalError: the database does not answer.
        """
        with self._told():
            rows: list[tuple[Any, ...]] = self._driver.execute(statement).fetchall()
        return rows

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
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


def _sqlite_engine(url: URL, *, writes: bool) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise DatabaseVersionError(
            f"Python has SQLite {sqlite3.sqlite_version}, and {oldest} or newer is needed: use another Python"
        )
    if url.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: an in-memory database forgets every entry")
    Path(str(url.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, more = (WRITERS, MORE_WRITERS) if writes else (READERS, MORE_READERS)
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=more,
        connect_args={"timeout": 0 if writes else BUSY_TIMEOUT, "check_same_thread": False},
    )
    cache = SQLITE_WRITER_CACHE_KIB if writes else SQLITE_CACHE_KIB

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        # The driver would begin transactions by itself, and too late; begin() below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        _when_free(cursor, "PRAGMA journal_mode=WAL")  # several processes may open a new file at once
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What is deleted or written over must not stay in the file: somebody may have a right to that.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute(f"PRAGMA cache_size=-{cache}")
        # A long reader lets the WAL grow; this gives the disk back at the next checkpoint.
        cursor.execute("PRAGMA journal_size_limit=67108864")
        if not writes:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if not writes:
            connection.exec_driver_sql("BEGIN")
            return
        try:
            _when_free(connection.connection.cursor(), "BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:  # SQLAlchemy wraps only what it executes itself
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error

    return engine


def _when_free(cursor: Any, statement: str) -> None:
    """Run a statement that takes a lock as soon as nobody else holds it; raises OperationalError too late."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute(statement)
            return
        except sqlite3.OperationalError as error:
            # The low byte is the primary code; SQLITE_BUSY_SNAPSHOT and others are above it.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(BUSY_PAUSE / 10, BUSY_PAUSE))  # noqa: S311 - not a secret


def _open_postgresql(url: URL) -> Database:
    # pre_ping: a server restarted between two requests must not fail the second one.
    network = {name: value for name, value in POSTGRESQL_NETWORK.items() if name not in url.query}
    engine = create_engine(
        url, pool_size=WRITERS, max_overflow=MORE_WRITERS, pool_pre_ping=True, connect_args=network
    )
    event.listen(engine, "handle_error", _leave_replica)
    reader = create_engine(
        url,
        pool_size=READERS,
        max_overflow=MORE_READERS,
        pool_pre_ping=True,
        connect_args=network,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    for one in (engine, reader):
        event.listen(one, "do_connect", connect_postgresql)
    return Database(engine, reader)


def _leave_replica(context: ExceptionContext) -> None:
    """Close a pool's connections to a server that does not write any more: the next ones find who does."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def find_missing_file(url: str) -> Path | None:
    """The file of an SQLite database that is not there; None where it is, and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    path = Path(str(parsed.database))
    return None if path.exists() else path


def _make_file(url: str) -> None:
    """Make the file of an SQLite database, for its owner only; SQLite gives those beside it the same mode."""
    path = find_missing_file(url)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process makes it at the same time
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def connect_postgresql(dialect: Any, record: object, arguments: Any, options: Any) -> Any:
    """Connect to a database that is new enough and holds every letter: no other is asked anything.

    Raises:
        DatabaseVersionError, DatabaseEncodingError: it is not, or does not.
    """
    connection = dialect.connect(*arguments, **options)
    version = connection.info.server_version // 10000
    if version < OLDEST_POSTGRESQL:
        connection.close()
        raise DatabaseVersionError(
            f"the database server is PostgreSQL {version}, and {OLDEST_POSTGRESQL} or newer is needed: "
            "upgrade it (pg_upgrade), or bring the entries to another one with `marketplace export` and "
            "`import`"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding == "UTF8":
        return connection
    name = connection.info.dbname
    connection.close()
    raise DatabaseEncodingError(
        f"the PostgreSQL database {name!r} has the encoding {encoding}, which cannot hold every entry: make "
        f"another one with `createdb --encoding=UTF8 --locale=C --template=template0 NAME`, name it in "
        "database.url and bring the entries there with `marketplace export` and `import`"
    )


def upgrade(url: str, *given: Any, **options: Any) -> None:
    """Bring a database to the newest schema, creating it where it is empty; safe to call at every start.

    Args:
        given, options: as of ``marketplace.upgrading.upgrade_engine``.

    Raises:
        SchemaError: as of that.
    """
    from marketplace.upgrading import upgrade_engine

    _make_file(url)
    database = Database.open(url)
    try:
        upgrade_engine(database.engine, *given, **options)
    finally:
        database.close()


def initialise(url: str) -> None:
    """Give an empty database its schema, and leave any other one alone."""
    from marketplace.upgrading import initialise_empty

    _make_file(url)
    database = Database.open(url)
    try:
        initialise_empty(database.engine)
    finally:
        database.close()
