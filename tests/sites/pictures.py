"""Disk images for tests: a few kilobytes each, some of them hostile."""

from __future__ import annotations

import gzip
import hashlib
import struct
from dataclasses import dataclass

from tests.factories.documents import ImageDraft, image
from validators.identifier import identifier_from_sha1

_QCOW2 = ">4sIQIIQIIQQIIQQQQII"


@dataclass(frozen=True)
class Picture:
    """The bytes of an image and what they are called."""

    data: bytes
    format: str

    @property
    def identifier(self) -> str:
        return identifier_from_sha1(hashlib.sha1(self.data, usedforsecurity=False).hexdigest())

    @property
    def sha512(self) -> str:
        return hashlib.sha512(self.data).hexdigest()

    def draft(self, *locations: str, **fields: object) -> ImageDraft:
        """Metadata that tells the truth about it."""
        given = {
            "sha1": hashlib.sha1(self.data, usedforsecurity=False).hexdigest(),
            "size": len(self.data),
            "checksums": (("SHA-256", hashlib.sha256(self.data).hexdigest()), ("SHA-512", self.sha512)),
            "format": self.format,
            "locations": locations,
            "valid": "2089-01-01T00:00:00Z",
        }
        return image(**given | fields)


def raw(name: str, size: int = 64 << 10) -> Picture:
    """A boot sector of its own, and nothing that can be compressed behind it."""
    block = hashlib.sha512(name.encode()).digest()
    body = b"".join(hashlib.sha512(block + n.to_bytes(4)).digest() for n in range(size // 64 + 1))
    return Picture((b"\xfa\xeb\xfe" + body)[:510] + b"\x55\xaa" + body[: size - 512], "raw")


def qcow2(name: str, *, backing: str = "", virtual_size: int = 1 << 20) -> Picture:
    """An empty disk; with ``backing`` one that reads another file of whoever opens it."""
    offset = 112 if backing else 0
    header = struct.pack(
        _QCOW2, b"QFI\xfb", 3, offset, len(backing), 16, virtual_size, 0, 1, 0x30000, 0x10000, 1, 0, 0,
        0, 0, 0, 4, 104,
    )  # fmt: skip
    data = bytearray(4 * 0x10000)
    data[: len(header)] = header
    if backing:
        data[offset : offset + len(backing)] = backing.encode()
    data[0x10000:0x10008] = struct.pack(">Q", 0x20000)
    mark = name.encode()[:64]
    data[-len(mark) :] = mark
    return Picture(bytes(data), "qcow2")


def bomb(picture: Picture, factor: int = 200) -> bytes:
    """Few bytes that unfold to far more than the picture has."""
    return gzip.compress(b"\0" * (len(picture.data) * factor))
