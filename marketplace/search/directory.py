"""Indexes kept as directories: their names, and the label that says who made one.

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
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from marketplace.search.engine import SCHEMA_VERSION
from marketplace.search.errors import IndexBrokenError

_LABEL = "index.json"
_COPY = "copy"
_SIZES = "sizes.json"
_OURS = frozenset({_LABEL, _SIZES, f"{_SIZES}.new"})


@dataclass(frozen=True, slots=True)
class Label:
    """What an index directory says of itself."""

    engine: str
    version: str
    log: str
    schema: int = SCHEMA_VERSION


def copy_of(root: Path) -> str:
    """What tells the indexes of this directory apart from those of others: 16 hex digits.

    A directory that was copied from another one is told by the number that the system gave its file.

    Raises:
        OSError: it can be neither read nor made.
    """
    path = root / _COPY
    try:
        copy, number = path.read_text(encoding="ascii").split()
        if re.fullmatch("[0-9a-f]{16}", copy) and int(number) == path.stat().st_ino:
            return copy
    except (FileNotFoundError, ValueError):
        pass  # there is none that could be used, so a new one is made
    root.mkdir(parents=True, exist_ok=True)
    copy = secrets.token_hex(8)
    with tempfile.NamedTemporaryFile("w", dir=root, encoding="ascii", delete=False) as fresh:
        fresh.write(f"{copy} {os.fstat(fresh.fileno()).st_ino}\n")
    Path(fresh.name).replace(path)
    return copy


def directory_of(root: Path, log: str) -> Path:
    """The directory of a log's index: readable, and never two logs the same."""
    readable = re.sub("[^a-z0-9]+", "-", log.lower())[:40].strip("-")
    return root / f"{readable}-{sha256(log.encode()).hexdigest()[:12]}"


def is_made(directory: Path) -> bool:
    """Whether anything stands where the index goes."""
    return directory.exists() and (not directory.is_dir() or any(directory.iterdir()))


def write_label(directory: Path, label: Label) -> None:
    """Say who makes the index in this directory."""
    (directory / _LABEL).write_text(json.dumps(asdict(label)), encoding="utf-8")


def verify_label(directory: Path, expected: Label) -> None:
    """Check that a directory holds an index we made and can read.

    Raises:
        IndexBrokenError: it has no label, or somebody else's.
    """
    try:
        found = Label(**json.loads((directory / _LABEL).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise IndexBrokenError(f"{directory} has no search index of this program") from None
    if found != expected:
        raise IndexBrokenError(f"{directory} was made by {_maker(found)}, and this is {_maker(expected)}")


def write_sizes(directory: Path, generation: int) -> None:
    """Note the sizes of an index's files as a commit left them."""
    sizes = {path.name: path.stat().st_size for path in directory.iterdir() if path.name not in _OURS}
    fresh = directory / f"{_SIZES}.new"
    fresh.write_text(json.dumps({"generation": generation, "sizes": sizes}), encoding="utf-8")
    fresh.replace(directory / _SIZES)


def verify_sizes(directory: Path, generation: int) -> None:
    """Check that no file is missing or cut.

    Sizes of another generation tell nothing: the process ended between a commit and its note.

    Raises:
        IndexBrokenError: a file has not the size that its commit left.
    """
    try:
        noted = json.loads((directory / _SIZES).read_text(encoding="utf-8"))
        if noted["generation"] != generation:
            return
        for name, size in noted["sizes"].items():
            path = directory / name
            if not path.is_file() or path.stat().st_size != size:
                raise IndexBrokenError(f"{path} is missing or has not the {size} bytes it was left with")
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise IndexBrokenError(f"{directory} has no readable list of its files") from None


def _maker(label: Label) -> str:
    return f"{label.engine} {label.version} (schema {label.schema}, log {label.log!r})"


def remove(directory: Path) -> None:
    """Take the directory away, or whatever stands in its place."""
    if directory.is_dir() and not directory.is_symlink():
        # Renamed first: a reader or a crash never sees half of an index under its name.
        doomed = directory.with_name(f"{directory.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)
        directory.rename(doomed)
        shutil.rmtree(doomed)
    else:
        directory.unlink(missing_ok=True)


def size_of(directory: Path) -> int:
    """Bytes of all files in a directory; files that vanish meanwhile count nothing."""
    total = 0
    for path in directory.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # vanished meanwhile
    return total
