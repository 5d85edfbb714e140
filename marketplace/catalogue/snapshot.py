"""Keeps the catalogue of a process on disk, so that the next start need not read every row of the database.

The file is a copy of what the database says, and nothing else reads it: it may be deleted at any time. One
that is damaged, belongs to another database, or was written before something was erased is deleted here.
Processes that share a data directory share the file; one of them writes it at a time.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import BigInteger, Select, func, select, text, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.catalogue.catalogue import Catalogue
from marketplace.catalogue.sections import DamagedError, Reader, Writer, read_label
from marketplace.db import Database
from marketplace.models import ChangeRow, Entry, Erasure, Log, RenewalRow
from marketplace.rules.visibility import Stand

#: Its name in the data directory.
NAME = "catalogue.snapshot"
#: Rows of logs under which it is not worth it: reading them takes less than a second.
LEAST_ROWS = 2_000
#: It is written again when the logs have grown by one row in so many.
_GROWTH = 50
#: What reading a file may raise whose bytes are right, and whose meaning is not.
_UNREADABLE = (DamagedError, ValueError, TypeError, KeyError, IndexError, AttributeError)

#: What the label of a file is made of: what tells a row, and a renewal, of a log from every other one.
_LOGS = select(Log.id, Log.name, Log.next_sequence, Log.revision, Log.renewals)
_ROW = select(
    ChangeRow.entry_key, ChangeRow.body_id, Entry.entry_id, type_coerce(ChangeRow.accepted_at, BigInteger)
).join(Entry, Entry.id == ChangeRow.entry_key)
_RENEWAL = select(RenewalRow.identifier, RenewalRow.email)
_AT = type_coerce(Erasure.erased_at, BigInteger)
_ERASED = select(func.count(), func.sum(Erasure.entry_key), func.sum(_AT), func.max(_AT))

_logger = logging.getLogger(__name__)


class _BusyError(Exception):
    """Another process writes the file."""


class CatalogueSnapshot:
    """Reads and writes the catalogue of one data directory. Safe to share between threads.

    Args:
        directory: the data directory.
        least: rows of all logs together under which nothing is written.
    """

    def __init__(
        self, database: Database, catalogue: Catalogue, directory: Path, *, least: int = LEAST_ROWS
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._directory = directory
        self._path, self._part = _paths(directory)
        self._least = least
        #: What was erased before this process read the first one; None until that is known.
        self._erased: list[int] | None = None
        #: How far the logs had come in the file when it was last read or written here.
        self._kept: Mapping[int, Stand] = {}
        self._failing = False
        self._lock = threading.Lock()

    def restore(self) -> bool:
        """Read the file into the catalogue, before anything else reads the logs.

        Returns:
            whether there was one that belongs to the database.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        with self._lock, self._database.read() as session, self._catalogue.hold_still():
            self._erased = find_erased(session)
            try:
                with self._path.open("rb", buffering=1 << 20) as file:
                    label = read_label(file)
                    stands = stands_of(label)
                    if label != label_of(session, stands, self._erased):
                        raise DamagedError("it belongs to another state of the database, or another version")
                    started = time.monotonic()
                    self._catalogue.read(session, Reader(file, self._directory))
            except FileNotFoundError:
                return False
            except (OSError, *_UNREADABLE) as error:
                _logger.warning(
                    "the catalogue on disk is deleted and made again",
                    extra={"file": str(self._path), "reason": str(error) or type(error).__name__},
                )
                self.delete()
                return False
            self._kept = stands
        _logger.info(
            "the catalogue was read from disk",
            extra={"entries": self._catalogue.size(), "seconds": round(time.monotonic() - started, 2)},
        )
        return True

    def store_if_due(self) -> bool:
        """Write the file where the logs have grown enough since it was written; whether it was written."""
        stands, kept = self._catalogue.stands(), self._kept
        others = any(key in stands and stands[key].revision != stand.revision for key, stand in kept.items())
        grown = _rows(stands) - _rows(kept) > max(self._least, _rows(kept)) // _GROWTH
        return (grown or others) and self.store()

    def store(self) -> bool:
        """Write the file, where the catalogue has more than it; whether it was written.

        What keeps it from being written is told once, and nothing else depends on it.
        """
        if self._erased is None:
            return False
        try:
            with self._lock:
                stored = self._store(self._erased)
        except _BusyError:
            return False
        except (OSError, SQLAlchemyError) as error:
            if not self._failing:
                _logger.warning(
                    "the catalogue cannot be kept on disk: the next start takes longer",
                    extra={"file": str(self._path), "reason": str(error)},
                )
            self._failing = True
            return False
        self._failing = False
        return stored

    def delete(self) -> None:
        """Delete the file, as after something was erased that it may hold."""
        delete_snapshot(self._directory)

    def _store(self, erased: list[int]) -> bool:
        with self._catalogue.hold_still() as stands:
            if _rows(stands) < self._least or self._is_on_disk(stands):
                return False
            with self._database.read() as session:
                label = label_of(session, stands, find_erased(session))
            if label is None or label["erased"] != erased:
                # What was erased is in the memory of this process: it goes nowhere from there.
                self.delete()
                return False
            with self._writing() as file:
                writer = Writer(file, label)
                self._catalogue.write(writer)
                writer.close()
        self._delete_if_erased(erased)
        self._kept = stands
        return True

    def _is_on_disk(self, stands: Mapping[int, Stand]) -> bool:
        """Whether the file says that it has all of some logs: this process or another one wrote it."""
        try:
            with self._path.open("rb") as file:
                there = stands_of(read_label(file))
        except (OSError, *_UNREADABLE):
            return False
        return all(key in there and not there[key].is_behind(stand) for key, stand in stands.items())

    def _delete_if_erased(self, erased: list[int]) -> None:
        """Whoever erases deletes the file afterwards, and whoever writes looks afterwards: one comes last."""
        with self._database.read() as session:
            if find_erased(session) != erased:
                self.delete()

    @contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        """A new file, which takes the place of the old one when the block ends well."""
        handle = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb", buffering=1 << 20) as file:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _BusyError from None
            if not self._is_part(handle):
                raise _BusyError  # another process has just finished it
            try:
                os.fchmod(handle, 0o600)
                os.ftruncate(handle, 0)
                yield file
                file.flush()
                # Not synced: after a power cut its digests tell whether it is whole.
                if self._is_part(handle):
                    self._part.replace(self._path)
            except BaseException:  # also when interrupted: no part of a file stays
                with suppress(OSError):  # the error of the write is the one to tell
                    self._part.unlink(missing_ok=True)
                raise

    def _is_part(self, handle: int) -> bool:
        """Whether an open file is still the one of that name."""
        try:
            return os.path.samestat(os.fstat(handle), self._part.stat())
        except FileNotFoundError:
            return False


def delete_snapshot(directory: Path) -> None:
    """Delete what is kept in a data directory, as after something was erased that it may hold.

    A file that cannot be deleted is told in the log; no process reads it any more.
    """
    for path in _paths(directory):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _logger.error(
                "the catalogue on disk cannot be deleted: delete it",
                extra={"file": str(path), "reason": str(error)},
            )


def _paths(directory: Path) -> tuple[Path, Path]:
    """The file, and what it is called while it is written."""
    return directory / NAME, directory / f"{NAME}.new"


def _rows(stands: Mapping[int, Stand]) -> int:
    return sum(stand.size + stand.renewals for stand in stands.values())


def find_erased(session: Session) -> list[int]:
    """What was erased so far, in numbers that change with each erasure.

    A count does not: what was erased from a group's log may be taken in again elsewhere.
    """
    return [int(number or 0) for number in session.execute(_ERASED).one()]


def label_of(session: Session, stands: Mapping[int, Stand], erased: list[int]) -> dict[str, Any] | None:
    """What a catalogue belongs to that has read some logs so far, in the words of JSON.

    Args:
        stands: of the logs, by their keys.
        erased: what had been erased before it read the first row; see ``find_erased``.

    Returns:
        None where the database does not have these rows: it is another one, or an older state of it.
    """
    found = {row.id: row for row in session.execute(_LOGS)}
    logs = []
    for key, stand in sorted(stands.items()):
        row = found.get(key)
        if row is None or Stand(key, row.next_sequence, row.revision, row.renewals).is_behind(stand):
            return None
        if row.next_sequence < stand.size or row.renewals < stand.renewals:
            return None
        rows = (_ROW.where(ChangeRow.log_id == key, ChangeRow.sequence == at) for at in (0, stand.size - 1))
        ends = [_values(session, one) for one in rows] if stand.size else []
        last = RenewalRow.log_id == key, RenewalRow.number == stand.renewals - 1
        renewal = _values(session, _RENEWAL.where(*last))
        logs.append([key, row.name, stand.size, stand.revision, stand.renewals, ends, renewal])
    return {
        "software": [version("image-marketplace"), platform.python_version(), unicodedata.unidata_version],
        "schema": session.scalar(text("SELECT version_num FROM alembic_version")),
        "erased": erased,
        "logs": logs,
    }


def stands_of(label: Mapping[str, Any]) -> dict[int, Stand]:
    """How far the logs of a label had come."""
    return {key: Stand(key, *stand) for key, _, *stand, _, _ in label["logs"]}


def _values(session: Session, statement: Select[Any]) -> list[Any] | None:
    """The one row of a statement; None where there is none."""
    row = session.execute(statement).one_or_none()
    return None if row is None else list(row)
