"""A directory of signed files as a whole marketplace: written from the log, taken in again anywhere.

A file's name is its entry's id. Coordinates hold text that others chose, so
they never become file names.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from marketplace.access.principal import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.files import write_whole
from marketplace.ingest import IngestResult, IngestService
from marketplace.models import EntryBody

SUFFIX = ".xml"

#: Bytes read of a file: one more than an entry may have, so acceptance itself refuses what is larger.
MAX_READ = 1_048_577


@dataclass(frozen=True)
class Imported:
    """What became of one file: a receipt, or the reason why it was left out."""

    path: Path
    outcome: IngestResult | Exception


class ExportService:
    """Writes the entries of a log into a directory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, log: str = PUBLIC) -> int:
        """How many entries an export will write."""
        with self._database.read() as session:
            return ChangeLog(session).size(log)

    def export(self, directory: Path, log: str = PUBLIC) -> Iterator[Path]:
        """Write every entry that the log has now; yields each file when it is complete.

        Files that are there already are replaced, others are left alone. Each is
        whole or absent, also after a crash. What a group keeps is readable by the owner only.

        Raises:
            OSError: the directory cannot be made or written.
        """
        directory_mode, file_mode = (0o755, 0o644) if log == PUBLIC else (0o700, 0o600)
        if not directory.exists():
            directory.mkdir(parents=True)
            directory.chmod(directory_mode)
        with self._database.read() as session:
            log_reader = ChangeLog(session)
            since = 0
            while page := log_reader.page(log, since):
                keys = [change.body_id for change in page]
                bodies = session.execute(
                    select(EntryBody.id, EntryBody.data).where(EntryBody.id.in_(keys))
                ).all()
                data = {row.id: row.data for row in bodies}
                for change in page:
                    if not data[change.body_id]:
                        continue  # it was erased
                    path = directory / (change.entry_id + SUFFIX)
                    write_whole(path, data[change.body_id], file_mode)
                    yield path
                since = page[-1].sequence + 1


class ImportService:
    """Takes a directory of signed files in, without the upload gate."""

    def __init__(self, ingest: IngestService) -> None:
        self._ingest = ingest

    def import_directory(self, paths: list[Path], log: str = PUBLIC) -> Iterator[Imported]:
        """Take in files one by one; a bad file does not stop the others."""
        unreadable: dict[int, IngestResult | Exception] = {}

        def documents() -> Iterator[bytes]:
            for number, path in enumerate(paths):
                try:
                    yield _read(path)
                except OSError as error:
                    unreadable[number] = error
                    # Keeps the outcomes in step with the files; acceptance refuses an empty document.
                    yield b""

        for number, outcome in enumerate(self._ingest.import_all(documents(), log)):
            yield Imported(paths[number], unreadable.get(number, outcome))


def find_documents(directory: Path) -> list[Path]:
    """The signed files of a directory, in a stable order.

    Raises:
        OSError: the directory cannot be read.
    """
    return sorted(path for path in directory.iterdir() if path.suffix == SUFFIX and not path.is_dir())


def _read(path: Path) -> bytes:
    # Opening a pipe would wait for a writer for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    with path.open("rb") as file:
        return file.read(MAX_READ)
