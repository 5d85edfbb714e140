"""One pass over the bytes of an image: everything that can be told of them, from one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Final, Self

from marketplace.images.decompression import Compression, decompressed, find_compression
from marketplace.images.digests import COMBINED, Digests
from marketplace.images.errors import EmptyImageError, ImageTooLargeError
from marketplace.images.inspection import Inspection, Inspector
from validators.identifier import identifier_from_sha1

#: The digests that an entry names.
USUAL_DIGESTS: Final = ("MD5", "SHA-1", "SHA-256", "SHA-512")
#: Bytes that an image may have where nobody says how many.
MOST_BYTES: Final = 1 << 44
#: Bytes that are looked at at once. Together with the blocks waiting for digests: the memory of a pass.
BLOCK: Final = 1 << 19


@dataclass(frozen=True)
class MeasuredImage:
    """What the bytes of an image say of themselves.

    Attributes:
        size: bytes, uncompressed.
        digests: algorithm as the format writes it -> lower-case hexadecimal, of the uncompressed bytes.
        identifier: the image's name, where SHA-1 was asked for; else empty.
        inspection: format, virtual size, and whether a machine may open it.
        compression: how the bytes that came in were compressed; None where they were not.
        stored_size: bytes that came in.
        combined: SHA-256 in hex of other bytes and then the uncompressed ones; None where not asked for.
    """

    size: int
    digests: dict[str, str]
    identifier: str
    inspection: Inspection
    compression: Compression | None
    stored_size: int
    combined: str | None = None


class OnePass:
    """A pass over one image. Use it as a context manager: leaving it early ends its threads.

    Args:
        algorithms: digests to make; SHA-1 is needed for the identifier.
        most_bytes: uncompressed bytes that the image may have; no more than these are handed out.
        before: bytes that stand before the image in the combined digest; None makes none.
    """

    def __init__(
        self,
        algorithms: Iterable[str] = USUAL_DIGESTS,
        most_bytes: int = MOST_BYTES,
        before: bytes | None = None,
    ) -> None:
        self._most = most_bytes
        self._inspector = Inspector()
        self._digests = Digests(algorithms, before=before)
        self._size = 0
        self._stored_size = 0
        self._compression: Compression | None = None

    def __enter__(self) -> Self:
        self._digests.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._digests.__exit__(kind, error, trace)

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Take the image in and hand its uncompressed bytes out, in blocks of ``BLOCK`` bytes.

        Args:
            chunks: the bytes as they come, in pieces of any size.

        Raises:
            CompressedDataError, DecompressionMemoryError: the bytes cannot be decompressed.
            ImageTooLargeError: there are more of them than there may be.
        """
        stored = _blocks(self._bounded(chunks))
        first = next(stored, b"")
        self._compression = find_compression(first)
        whole: Iterable[bytes] = chain((first,), stored)
        if self._compression is not None:
            whole = _blocks(decompressed(whole, self._compression))
        for block in whole:
            self._size += len(block)
            if self._size > self._most:
                raise ImageTooLargeError(f"the image has more than the {self._most} bytes that are allowed")
            self._digests.update(block)
            self._inspector.update(block)
            yield block

    def result(self) -> MeasuredImage:
        """The measured image, after the last block.

        Raises:
            EmptyImageError: there was not one byte.
        """
        digests = self._digests.finish()
        if not self._size:
            raise EmptyImageError("the image is empty")
        combined = digests.pop(COMBINED, None)
        sha1 = digests.get("SHA-1")
        return MeasuredImage(
            size=self._size,
            digests=digests,
            identifier=identifier_from_sha1(sha1) if sha1 else "",
            inspection=self._inspector.finish(),
            compression=self._compression,
            stored_size=self._stored_size,
            combined=combined,
        )

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        # What cannot be compressed grows a little. Empty streams without end make nothing, for ever.
        most = self._most + self._most // 8 + BLOCK
        for chunk in chunks:
            self._stored_size += len(chunk)
            if self._stored_size > most:
                raise ImageTooLargeError(f"more than {most} bytes came for an image of at most {self._most}")
            yield chunk


def measure(
    chunks: Iterable[bytes],
    *,
    algorithms: Iterable[str] = USUAL_DIGESTS,
    most_bytes: int = MOST_BYTES,
    before: bytes | None = None,
    sink: Callable[[bytes], object] | None = None,
) -> MeasuredImage:
    """Take a whole image in, and tell what it is.

    Args:
        chunks: the bytes as they come, in pieces of any size, compressed or not.
        algorithms, most_bytes, before: those of ``OnePass``.
        sink: is given each uncompressed block, in order.

    Raises:
        ImageError: the image cannot be measured.
    """
    with OnePass(algorithms, most_bytes, before) as one_pass:
        for block in one_pass.blocks(chunks):
            if sink is not None:
                sink(block)
        return one_pass.result()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The image's bytes in blocks of ``BLOCK``; the last block may be shorter."""
    waiting = bytearray()
    for piece in pieces:
        if not waiting and len(piece) == BLOCK:
            yield piece
            continue
        waiting += piece
        while len(waiting) >= BLOCK:
            yield bytes(waiting[:BLOCK])
            del waiting[:BLOCK]
    if waiting:
        yield bytes(waiting)
