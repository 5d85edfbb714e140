"""The folder of a copy: files that are there whole or not at all, written only where they change."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from marketplace.views.copy import INDEX, CopiedFile, parse_index
from marketplace.views.errors import CopyError

_PART: Final = ".part"
#: Is there while an export writes: what it left when it was stopped is not as the index says.
_UNFINISHED: Final = ".unfinished"


class CopyFolder:
    """Where one export writes. Open it with ``locked``.

    Args:
        private: whether only its owner may read the files.
    """

    def __init__(self, folder: Path, *, private: bool) -> None:
        self._folder = folder
        self._folder_mode, self._file_mode = (0o700, 0o600) if private else (0o755, 0o644)
        self._known: dict[str, CopiedFile] = {}
        self._checkpoint: str | None = None
        self._files: dict[str, CopiedFile] = {}
        self._made: set[str] = set()
        self._doubted = False
        # A name that no other export has: what is left of one that was killed is never taken for a file.
        self._part = str(folder / f".{secrets.token_hex(8)}{_PART}")
        self.written = 0

    @contextmanager
    def locked(self) -> Iterator[CopyFolder]:
        """Read what the folder has, and let no other export write into it meanwhile.

        Raises:
            CopyError: something else is in it, or another export writes into it.
            OSError: it cannot be read or made.
        """
        self._make("")
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            self._lock(handle)
            index, unfinished = self._folder / INDEX, self._folder / _UNFINISHED
            self._doubted = unfinished.exists()
            if index.exists():
                last = parse_index(index.read_bytes())
                self._known = {one.path: one for one in last.files}
                self._checkpoint = last.checkpoint
            elif not self._doubted and any(self._folder.iterdir()):
                raise CopyError(
                    f"{self._folder} is not empty and is not a copy of a view: give another folder"
                )
            for left in self._folder.glob(f".*{_PART}"):
                left.unlink()
            self._put(_UNFINISHED, b"")
            yield self
            unfinished.unlink()
        finally:
            os.close(handle)

    @property
    def files(self) -> tuple[CopiedFile, ...]:
        """What the copy has by now, by path."""
        return tuple(self._files[path] for path in sorted(self._files))

    @property
    def unchanged(self) -> int:
        """How many files were there already."""
        return len(self._files) - self.written

    def keep(self, file: CopiedFile) -> bool:
        """Take a file for written where it is there as it has to be.

        Returns:
            whether it is.
        """
        if self._known.get(file.path) != file:
            return False
        place = f"{self._folder}/{file.path}"
        try:
            found = os.stat(place).st_size == file.size  # noqa: PTH116  # one of very many
            found = found and not (self._doubted and _digest(place) != file.sha256)
        except OSError:
            found = False
        if found:
            self._files[file.path] = file
        return found

    def keep_receipt(self, path: str, checkpoint: str) -> bool:
        """Take a receipt for written where it is there and of this checkpoint, which decides what is in it.

        Args:
            checkpoint: its digest, as the index has it.

        Returns:
            whether it is.
        """
        known = self._known.get(path)
        return known is not None and checkpoint == self._checkpoint and self.keep(known)

    def write(self, path: str, data: bytes) -> None:
        """Write a file, if it is another one than is there.

        Raises:
            OSError: it cannot be written.
        """
        file = CopiedFile(path, len(data), hashlib.sha256(data).hexdigest())
        if not self.keep(file):
            self._put(path, data)
            self._files[path] = file
            self.written += 1

    def finish(self, path: str, data: bytes) -> None:
        """Write what names the others, which it does not name itself.

        Raises:
            OSError: it cannot be written.
        """
        self._put(path, data)

    def _put(self, path: str, data: bytes) -> None:
        self._make(path.rpartition("/")[0])
        target = f"{self._folder}/{path}"
        try:
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb", buffering=0) as file:
                os.fchmod(handle, self._file_mode)
                file.write(data)
            os.replace(self._part, target)  # noqa: PTH105  # one of very many
        except BaseException as error:  # also when interrupted: nothing half written stays
            with suppress(OSError):  # the error of the write is the one to tell; the next run looks through
                Path(self._part).unlink()
            if isinstance(error, OSError) and error.filename is None:
                # What says that a disk is full does not say which.
                error.filename = target
            raise

    def remove_others(self) -> int:
        """Remove what the index does not name any more.

        Only when the new one is there, so that a reader of the old index finds its files.
        """
        there = set(self._known)
        if self._doubted:
            # A run that was stopped may have written what no index names.
            there.update(
                f"{folder}/{one.name}"
                for folder in filter(None, self._made)
                for one in (self._folder / folder).iterdir()
                if one.is_file()
            )
        gone = there - self._files.keys()
        for path in gone:
            (self._folder / path).unlink(missing_ok=True)
        return len(gone)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CopyError(f"another export writes to {self._folder}") from None

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            place = self._folder / folder
            # Each folder on the way too: a web server is another user, and commands give others nothing.
            for one in reversed((place, *place.parents[: folder.count("/") + 1 if folder else 0])):
                if not one.is_dir():
                    one.mkdir(parents=True, exist_ok=True)
                    one.chmod(self._folder_mode)
            self._made.add(folder)


def _digest(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123  # one of very many
        return hashlib.file_digest(file, "sha256").hexdigest()
