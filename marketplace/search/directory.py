"""Engines with a directory for each log: its name, what it says of itself, and how damage in it is told.

The label is read before an engine opens anything: an index of another engine,
version or schema is never handed to a library that might believe in it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from marketplace.search.engine import SCHEMA_VERSION, SearchIndex
from marketplace.search.errors import IndexBrokenError, IndexBusyError, SearchError

#: File with what an index says of itself; written anew after each commit.
LABEL = "index.json"
_COPY = "copy"

Index = TypeVar("Index", bound=SearchIndex)


class DirectoryEngine(ABC, Generic[Index]):
    """Indexes under one directory; see SearchEngine.

    Args:
        root: the directory.
        name: of the engine.
        version: of its library: an index is read by the version that made it.
    """

    def __init__(self, root: Path, name: str, version: str) -> None:
        self.name = name
        self._version = version
        self._root = root

    def copy(self) -> str:
        """What tells the indexes of this directory apart from those of others: 16 hex digits.

        A directory that was copied from another one is told by the number that the system gave its file.

        Raises:
            OSError: it can be neither read nor made.
        """
        path = self._root / _COPY
        try:
            copy, number = path.read_text(encoding="ascii").split()
            if re.fullmatch("[0-9a-f]{16}", copy) and int(number) == path.stat().st_ino:
                return copy
        except (FileNotFoundError, ValueError):
            pass  # there is none that could be used, so a new one is made
        self._root.mkdir(parents=True, exist_ok=True)
        copy = secrets.token_hex(8)
        with tempfile.NamedTemporaryFile("w", dir=self._root, encoding="ascii", delete=False) as fresh:
            fresh.write(f"{copy} {os.fstat(fresh.fileno()).st_ino}\n")
        Path(fresh.name).replace(path)
        return copy

    def has(self, log: str) -> bool:
        """Whether anything stands where the index of a log goes."""
        where = directory_of(self._root, log)
        return where.exists() and (not where.is_dir() or any(where.iterdir()))

    def open(self, log: str) -> Index:
        """Open or begin a log's index; see SearchEngine."""
        where = directory_of(self._root, log)
        label = {"engine": self.name, "version": self._version, "log": log, "schema": SCHEMA_VERSION}
        if not self.has(log):
            where.mkdir(parents=True, exist_ok=True)
            with Broken(where):
                self._create(where)
            _write(where, label)
        _verify_label(where, label)
        with Broken(where):
            return self._open(where)

    def destroy(self, log: str) -> None:
        """Remove a log's index, or whatever stands in its place; see SearchEngine."""
        where = directory_of(self._root, log)
        if where.is_dir() and not where.is_symlink():
            # Renamed first: a reader or a crash never sees half of an index under its name.
            doomed = where.with_name(f"{where.name}.removed")
            shutil.rmtree(doomed, ignore_errors=True)
            where.rename(doomed)
            shutil.rmtree(doomed)
        else:
            where.unlink(missing_ok=True)

    @abstractmethod
    def _create(self, where: Path) -> None:
        """Make an empty index."""

    @abstractmethod
    def _open(self, where: Path) -> Index:
        """Open an index, and look whether it can be read."""


class Broken:
    """Turns whatever a library raises on a damaged or vanished index into one error.

    A class, because every search asks every log that its reader sees, and a generator takes longer.
    """

    __slots__ = ("_where",)

    def __init__(self, where: Path) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # Errors of struct, zlib, pickle and the OS, of assertions and look-ups were all seen.
        # A panic of native code is no Exception; everything else that is none goes its way.
        if error is None or isinstance(error, SearchError):
            return
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise IndexBrokenError(f"{self._where}: {type(error).__name__}: {error}") from error


def busy(where: Path) -> IndexBusyError:
    """The error of an index that is being written."""
    return IndexBusyError(f"another process is writing {where}")


def directory_of(root: Path, log: str) -> Path:
    """The directory of a log's index: readable, and never two logs the same."""
    readable = re.sub("[^a-z0-9]+", "-", log.lower())[:40].strip("-")
    return root / f"{readable}-{sha256(log.encode()).hexdigest()[:12]}"


def note_sizes(where: Path, generation: int) -> None:
    """Note in the label the sizes of an index's files as a commit left them."""
    sizes = {path.name: path.stat().st_size for path in where.iterdir() if not path.name.startswith(LABEL)}
    _write(where, {**_read(where), "generation": generation, "sizes": sizes})


def verify_sizes(where: Path, generation: int) -> None:
    """Check that no file is missing or cut.

    Sizes of another generation tell nothing: the process ended between a commit and its note. The label is
    touched then, for others that have the index open and look at its label to learn of commits.

    Raises:
        IndexBrokenError: a file has not the size that its commit left.
    """
    label = _read(where)
    if label.get("generation") != generation:
        with suppress(OSError):  # a command may only read it
            (where / LABEL).touch()
        return
    for name, size in label["sizes"].items():
        path = where / name
        if not path.is_file() or path.stat().st_size != size:
            raise IndexBrokenError(f"{path} is missing or has not the {size} bytes it was left with")


def _read(where: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((where / LABEL).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise IndexBrokenError(f"{where} has no search index of this program") from None


def _write(where: Path, label: Mapping[str, Any]) -> None:
    fresh = where / f"{LABEL}.new"
    fresh.write_text(json.dumps(label), encoding="utf-8")
    fresh.replace(where / LABEL)


def _verify_label(where: Path, expected: Mapping[str, Any]) -> None:
    found = _read(where)
    if any(found.get(name) != value for name, value in expected.items()):
        raise IndexBrokenError(f"{where} was made by {_maker(found)}, and this is {_maker(expected)}")


def _maker(label: Mapping[str, Any]) -> str:
    engine, version, log, schema = (label.get(name) for name in ("engine", "version", "log", "schema"))
    return f"{engine} {version} (schema {schema}, log {log!r})"
