"""Messages over a pipe: four bytes of length, most significant first, then that many bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

LENGTH = struct.Struct(">I")


def pack(message: bytes) -> bytes:
    """A message as it goes over the pipe."""
    return LENGTH.pack(len(message)) + message


def read_frame(stream: BinaryIO) -> bytes:
    """Wait for the next message of a blocking stream.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = LENGTH.unpack(_read_exactly(stream, LENGTH.size))
    return _read_exactly(stream, length)


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
