"""Where the bytes of a local image come from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from marketplace.images.errors import ChangedError, NoFileError
from marketplace.images.one_pass import BLOCK


def file_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, which must stay as it is meanwhile.

    Raises:
        NoFileError: the name is a directory's or a device's.
        ChangedError: the file was written to, or replaced, while it was read.
        OSError: it cannot be read.
    """
    kind = path.stat().st_mode  # asked before it is opened: opening a pipe would wait for a writer
    if not stat.S_ISREG(kind):
        what = "a directory" if stat.S_ISDIR(kind) else "a device or a pipe"
        raise NoFileError(f"{path} is {what}, not a file")
    with path.open("rb", buffering=0) as file:
        before = _state(os.fstat(file.fileno()))
        yield from stream_chunks(file)
        if _state(os.fstat(file.fileno())) != before or _state(path.stat()) != before:
            raise ChangedError(
                f"{path} changed while it was read: wait until writing has finished, then try again"
            )


def stream_chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of an open stream to its end.

    Raises:
        OSError: it cannot be read.
    """
    while chunk := stream.read(BLOCK):
        yield chunk


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
