"""Why a database cannot be used: as it is, now, or while many wait for it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

#: SQLSTATE of a write where only reading is possible: the server was the primary, or will be.
READ_ONLY = "25006"


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
        or getattr(error.orig, "sqlstate", None) == READ_ONLY
    )
