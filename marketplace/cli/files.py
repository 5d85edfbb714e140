"""Reading what the user names, within bounds; writing results whole."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.files import write_whole

#: One byte more than an entry may have: acceptance then says that it is too large.
MAX_DOCUMENT = 1_048_577
#: Key stores and certificates are small; anything larger is something else.
MAX_KEY_FILE = 1_048_576

STDIN = "-"


def read_document(name: str) -> bytes:
    """Read a document from a file, or from standard input for ``-``.

    Raises:
        OSError: it cannot be read.
        CommandError: it is no file.
    """
    if name == STDIN:
        return sys.stdin.buffer.read(MAX_DOCUMENT)
    return read_bounded(Path(name), MAX_DOCUMENT)


def read_bounded(path: Path, limit: int) -> bytes:
    """The first ``limit`` bytes of a file.

    Raises:
        OSError: it cannot be read.
        CommandError: it is a directory or a device.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise CommandError(f"{path}: is a directory, not a file", ExitCode.USAGE)
    if stat.S_ISBLK(kind) or stat.S_ISCHR(kind):
        raise CommandError(f"{path}: is a device, not a file", ExitCode.USAGE)
    with path.open("rb") as file:
        return file.read(limit)


def write_document(name: str, data: bytes) -> None:
    """Write a result to a file, whole or not at all, or to standard output for ``-``.

    Raises:
        OSError: it cannot be written.
    """
    if name == STDIN:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(Path(name), data)
