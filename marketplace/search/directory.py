"""Indexes kept as directories: their names, and the label that says who made one.

The label is read before an engine opens anything: an index of another engine,
version or schema is never handed to a library that might believe in it.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from marketplace.search.engine import SCHEMA_VERSION
from marketplace.search.errors import IndexBrokenError

_LABEL = "index.json"


@dataclass(frozen=True, slots=True)
class Label:
    """What an index directory says of itself."""

    engine: str
    version: str
    log: str
    schema: int = SCHEMA_VERSION


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
        raise IndexBrokenError(f"{directory} holds no index of ours") from None
    if found != expected:
        raise IndexBrokenError(f"{directory} was made by {_maker(found)}, and this is {_maker(expected)}")


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
            continue
    return total
