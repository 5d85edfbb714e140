"""Decompression of a stream within bounds: no step makes more than it was asked for.

The compression is told by the first bytes, never by a file name. Several
compressed streams one after another are one image, as ``pigz``, ``pbzip2``,
``xz -T`` and ``pzstd`` write them; zero bytes behind a stream are padding.
Sources: RFC 1952 (gz), RFC 8878 (zst), the file format of xz 1.2.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from backports import zstd

from marketplace.images.errors import CompressedDataError, DecompressionMemoryError

#: Bytes that one step makes at most.
PIECE = 1 << 20
#: Compressed bytes given to a decompressor at once; zlib copies what it has not used yet.
_SLICE = 1 << 17
#: Dictionaries and windows up to this many bytes are decompressed: what `xz -9` and `zstd --long` need.
_MOST_WINDOW_LOG = 27
_XZ_MEMORY = (1 << _MOST_WINDOW_LOG) + (8 << 20)

_GZIP_MEMBER = zlib.MAX_WBITS | 16


class Compression(StrEnum):
    """The compressions that the format names (dcterms:compression)."""

    GZ = "gz"
    BZ2 = "bz2"
    XZ = "xz"
    ZST = "zst"


#: First bytes that are enough to tell the compression.
MAGIC_LENGTH = 10
_BZ2_BLOCK, _BZ2_END = b"1AY&SY", b"\x17rE8P\x90"


def find_compression(start: bytes) -> Compression | None:
    """Tell the compression by the first bytes; None where they are those of no compressed stream.

    Args:
        start: the first ``MAGIC_LENGTH`` bytes or more, fewer only where there are no more.
    """
    if start.startswith(b"\x1f\x8b\x08"):
        return Compression.GZ
    if start.startswith(b"BZh") and start[3:4] in b"123456789" and start[4:10] in (_BZ2_BLOCK, _BZ2_END):
        return Compression.BZ2
    if start.startswith(b"\xfd7zXZ\x00"):
        return Compression.XZ
    if start.startswith(b"(\xb5/\xfd") or (start[1:4] == b"*M\x18" and start[0] >> 4 == 5):
        return Compression.ZST
    return None


def decompressed(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The uncompressed bytes, in pieces of at most ``PIECE`` bytes.

    Raises:
        CompressedDataError: the data is damaged, ends too early, or something else follows it.
        DecompressionMemoryError: it needs more memory than is given to it.
    """
    stream: _Stream | None = None
    for piece in _slices(chunks):
        data: bytes = piece
        while data or (stream is not None and not stream.needs_input):
            if stream is None:
                data = data.lstrip(b"\x00")  # padding behind a stream
                if not data:
                    break
                stream = _open(compression)
            made = _step(stream, data, compression)
            data = b""
            if made:
                yield made
            if stream.eof:
                data, stream = stream.unused_data, None
    if stream is not None:
        raise CompressedDataError(f"the {compression} data ends too early: the file is incomplete")


class _Stream(Protocol):
    """What the decompressors of the standard library have in common."""

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Gzip:
    """One member of a gz file, with the methods of the other decompressors."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_MEMBER)

    def decompress(self, data: bytes, max_length: int = PIECE) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


def _open(compression: Compression) -> _Stream:
    if compression is Compression.GZ:
        return _Gzip()
    if compression is Compression.BZ2:
        return bz2.BZ2Decompressor()
    if compression is Compression.XZ:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MOST_WINDOW_LOG})


def _step(stream: _Stream, data: bytes, compression: Compression) -> bytes:
    try:
        return stream.decompress(data, PIECE)
    except (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError) as error:
        reason = " ".join(str(error).split())
        # Neither library has a class of its own for it.
        if "Memory usage limit" in reason or "too much memory" in reason:
            most = (1 << _MOST_WINDOW_LOG) >> 20
            raise DecompressionMemoryError(
                f"the {compression} data needs a window of more than {most} MiB to decompress; "
                "compress the image with a smaller window"
            ) from None
        raise CompressedDataError(f"the {compression} data cannot be decompressed: {reason}") from None


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE):
            yield chunk[start : start + _SLICE]
