"""A copy of an SQLite database, taken while others write to it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import make_url

from validators.coded_error import CodedError


class BackupError(CodedError, code="store.backup"):
    """The copy cannot be made."""


def copy_sqlite(url: str, target: Path) -> int:
    """Copy one consistent state of a database into a new file and sync it to disk.

    SQLite's own backup copies a snapshot; a copy of the files would mix several
    states, because the newest commits are in the write-ahead log.

    Returns:
        How many entries the copy holds.

    Raises:
        BackupError: the database is no SQLite file, or the target exists or cannot be written.
    """
    source = make_url(url)
    if source.get_backend_name() != "sqlite" or not source.database:
        raise BackupError("the database is not an SQLite file: use pg_dump or a base backup for PostgreSQL")
    _claim(target)
    try:
        origin = sqlite3.connect(f"{Path(source.database).absolute().as_uri()}?mode=ro", uri=True)
        copy = sqlite3.connect(target)
        try:
            # Everything in one step: a writer between two steps would make SQLite start over each time.
            origin.backup(copy, pages=-1)
            # A copy in WAL mode would need files beside it that nobody copies along.
            copy.execute("PRAGMA journal_mode=DELETE")
            (entries,) = copy.execute("SELECT count(*) FROM entry").fetchone()
        finally:
            copy.close()
            origin.close()
        _sync(target)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise BackupError(f"{target} was not written: {error}") from error
    return int(entries)


def _claim(target: Path) -> None:
    """Make the file, readable by its owner only; never write over another one."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupError(f"{target} exists already: choose another name") from None
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}") from None


def _sync(target: Path) -> None:
    for path in (target, target.absolute().parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
