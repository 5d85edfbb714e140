"""Why an image cannot be measured, or must not be used: one class and one stable code per cause."""

from __future__ import annotations

from typing import ClassVar


class ImageError(Exception):
    """An image cannot be measured or used; the message is one sentence."""

    #: Stable, machine-readable name of the cause.
    code: ClassVar[str] = "image"

    @property
    def message(self) -> str:
        """One sentence for the person who named the image."""
        return str(self)


class EmptyImageError(ImageError):
    """The image has no bytes."""

    code = "image.empty"


class CompressedDataError(ImageError):
    """The compressed bytes are damaged, cut short, or followed by something else."""

    code = "image.compressed-data"


class DecompressionMemoryError(ImageError):
    """The image was compressed in a way that takes too much memory to decompress."""

    code = "image.decompression-memory"


class ImageTooLargeError(ImageError):
    """The image has more bytes than it may have."""

    code = "image.too-large"


class ChangedError(ImageError):
    """The file was written to while it was read."""

    code = "image.changed"


class NoFileError(ImageError):
    """The name is that of a directory or a device, not of a file."""

    code = "image.no-file"


class UnsafeImageError(ImageError):
    """Opening the image could harm the machine that does it."""

    code = "image.unsafe"
