"""Why an image cannot be measured, or must not be used: one class and one stable code per cause."""

from __future__ import annotations

from validators.coded_error import CodedError


class ImageError(CodedError, code="image"):
    """An image cannot be measured or used; the message is one sentence."""


class EmptyImageError(ImageError, code="image.empty"):
    """The image has no bytes."""


class CompressedDataError(ImageError, code="image.compressed-data"):
    """The compressed bytes are damaged, cut short, or followed by something else."""


class DecompressionMemoryError(ImageError, code="image.decompression-memory"):
    """The image was compressed in a way that takes too much memory to decompress."""


class ImageTooLargeError(ImageError, code="image.too-large"):
    """The image has more bytes than it may have."""


class ChangedError(ImageError, code="image.changed"):
    """The file was written to while it was read."""


class NoFileError(ImageError, code="image.no-file"):
    """The name is that of a directory or a device, not of a file."""


class UnsafeImageError(ImageError, code="image.unsafe"):
    """Opening the image could harm the machine that does it."""
