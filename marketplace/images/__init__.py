"""One pass over the bytes of an image, for publishers and for cloud sites.

Bytes of any source flow through to any sink. On the way they are decompressed
(gz, bz2, xz, zst, told by their first bytes), counted, digested in threads and
looked at as a disk image. The memory of a pass is a few blocks of ``BLOCK`` bytes, and the
window of the decompressor, whatever the size of the image.

To take everything in, with or without a sink::

    measured = measure(file_chunks(path))                    # size, digests, identifier, inspection …
    measured = measure(response.iter_raw(), most_bytes=entry_bytes, sink=file.write)
    verify_safe(measured.inspection)                         # raises where no machine may open it

To hand blocks on as somebody asks for them::

    with OnePass(("SHA-1", "SHA-512"), most_bytes) as one_pass:
        store.put(one_pass.blocks(chunks))
        measured = one_pass.result()

``peek(first_bytes)`` tells format and compression where nobody reads the rest.

Nothing is believed and nothing is guessed: sizes in headers bound nothing, file
names tell nothing, and what the bytes do not say is None. A pass raises an
``ImageError`` where it cannot end; it never raises because an image is hostile, so
that its digests can be told: ``verify_safe`` does. ``MeasuredImage`` and ``Inspection`` list
what is found.
"""

from marketplace.images.decompression import Compression, find_compression
from marketplace.images.errors import (
    ChangedError,
    CompressedDataError,
    DecompressionMemoryError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    NoFileError,
    UnsafeImageError,
)
from marketplace.images.inspection import ImageFault, Inspection, verify_safe
from marketplace.images.one_pass import BLOCK, MOST_BYTES, USUAL_DIGESTS, MeasuredImage, OnePass, measure
from marketplace.images.peeking import Peeked, peek
from marketplace.images.sources import file_chunks, stream_chunks

__all__ = [
    "BLOCK",
    "MOST_BYTES",
    "USUAL_DIGESTS",
    "ChangedError",
    "CompressedDataError",
    "Compression",
    "DecompressionMemoryError",
    "EmptyImageError",
    "ImageError",
    "ImageFault",
    "ImageTooLargeError",
    "Inspection",
    "MeasuredImage",
    "NoFileError",
    "OnePass",
    "Peeked",
    "UnsafeImageError",
    "file_chunks",
    "find_compression",
    "measure",
    "peek",
    "stream_chunks",
    "verify_safe",
]
