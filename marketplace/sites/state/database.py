"""The SQLite file of a site: one connection a process, every change durable before it is acted on."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from marketplace.sites.errors import StateError
from marketplace.sites.state.tables import TABLES, VERSION

#: Seconds that a command waits while the daemon writes, and the other way round.
_BUSY_SECONDS = 30.0
FILE = "state.sqlite"


class StateDatabase:
    """The state file. Safe to share between threads.

    Args:
        folder: the site's state folder; made where it is not there.

    Raises:
        StateError: the file cannot be opened, or is of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._depth = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._connection = sqlite3.connect(
                folder / FILE, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._make_tables()
        except (sqlite3.Error, OSError) as error:
            raise _unusable(folder, error) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """A transaction; inside another one it is part of that.

        Raises:
            StateError: it cannot be made durable; nothing of it counts.
        """
        with self._lock:
            if self._depth:
                yield
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise _unusable(self.folder, error) from error
            self._depth += 1
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:  # also when interrupted: nothing is left half written
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _unusable(self.folder, error) from error
                raise
            finally:
                self._depth -= 1

    def copy_to(self, path: Path) -> None:
        """Write a copy of the file.

        Raises:
            StateError: it cannot be written.
        """
        try:
            with self._lock, sqlite3.connect(path) as target:
                self._connection.backup(target)
            target.close()
        except sqlite3.Error as error:
            raise _unusable(self.folder, error) from error

    def run(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Change something inside ``write``.

        Returns:
            how many rows it changed.
        """
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows that a query finds.

        Raises:
            StateError: it cannot be read.
        """
        with self._lock:
            try:
                return self._connection.execute(question, values).fetchall()
            except sqlite3.Error as error:
                raise _unusable(self.folder, error) from error

    def find(self, question: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row that a question finds."""
        return next(iter(self.rows(question, values)), None)

    @property
    def version(self) -> int:
        """Another number after another process wrote."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def _make_tables(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            for statement in re.sub("--.*", "", TABLES).split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.execute("COMMIT")
        if found not in (0, VERSION):
            raise StateError(
                f"{self.folder / FILE} is of version {found}; this program reads version {VERSION}"
            )


def _unusable(folder: Path, error: Exception) -> StateError:
    return StateError(f"the state in {folder} cannot be used: {error}")
