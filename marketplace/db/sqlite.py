"""Engines of SQLite: one file, with a log beside it."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from marketplace.db.errors import DatabaseVersionError
from marketplace.db.pools import MORE_READERS, MORE_WRITERS, READERS, WRITERS

#: Seconds a SQLite writer waits for other writers' transactions to end.
BUSY_TIMEOUT = 60
#: Longest pause in seconds between two tries for the write lock. SQLite's own pauses grow to 0.1 s: on a
#: disk that takes 50 ms to sync, a writer then slept through every gap of busier ones until it failed.
BUSY_PAUSE = 0.01
#: Kibibytes of page cache a SQLite connection may hold; the operating system caches the file besides.
SQLITE_CACHE_KIB = 4096
#: The same for one that writes. Entries come in any order of their indexes: a transaction of many changes
#: thousands of pages, and writes those twice that find no room. Writers take turns, so there is one of these.
SQLITE_WRITER_CACHE_KIB = 16384
#: The oldest SQLite that has what statements use (RETURNING).
OLDEST_SQLITE = (3, 35, 0)


def open_sqlite(url: URL, *, writes: bool) -> Engine:
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


def find_missing_file(url: str) -> Path | None:
    """The file of an SQLite database that is not there; None where it is, and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    path = Path(str(parsed.database))
    return None if path.exists() else path


def make_file(url: str) -> None:
    """Make the file of an SQLite database, for its owner only; SQLite gives those beside it the same mode."""
    path = find_missing_file(url)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process makes it at the same time
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
