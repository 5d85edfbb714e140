"""What the first bytes of a file tell, where nobody reads the rest."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.images.decompression import Compression, decompressed, find_compression
from marketplace.images.errors import ImageError
from marketplace.images.inspection import Inspector

#: Formats whose first bytes decide; of the others the whole stream has to be seen.
_BY_START = frozenset({"qcow2", "vmdk", "vdi", "iso", "luks", "qed"})


@dataclass(frozen=True)
class Peeked:
    """What a file begins with; None where its beginning does not tell."""

    format: str | None
    compression: Compression | None


def peek(start: bytes) -> Peeked:
    """Tell format and compression by the first bytes of a file.

    Args:
        start: 64 KiB or more, unless the file is shorter.
    """
    compression = find_compression(start)
    content = start if compression is None else _beginning(start, compression)
    inspector = Inspector()
    inspector.update(content)
    found = inspector.finish()
    by_start = found.format in _BY_START or (found.format == "raw" and found.recognised)
    return Peeked(found.format if by_start else None, compression)


def _beginning(start: bytes, compression: Compression) -> bytes:
    pieces = decompressed([start], compression)
    try:
        return next(pieces, b"")
    except ImageError:  # the beginning of a stream is cut short by its nature
        return b""
