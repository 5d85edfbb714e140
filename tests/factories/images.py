"""Small disk images, good and hostile ones, made by hand so that no test needs a tool for it."""

from __future__ import annotations

import struct

SECTOR = 512


def qcow2(
    virtual_size: int = 1 << 30,
    *,
    backing_file: bytes = b"",
    data_file: bool = False,
    unknown_feature: bool = False,
    length: int = 256 * 1024,
) -> bytes:
    """A qcow2 header of version 3 and empty clusters behind it."""
    incompatible = (1 << 2 if data_file else 0) | (1 << 40 if unknown_feature else 0)
    name_at = 112 if backing_file else 0
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb", 3, name_at, len(backing_file), 16, virtual_size, 0, 1, 0x30000, 0x10000, 1, 0, 0,
        incompatible, 0, 0, 4, 104,
    )  # fmt: skip
    return (header.ljust(112, b"\0") + backing_file).ljust(length, b"\0")


def disk(length: int = 1 << 20, *, boot_flag: int = 0x80, gpt: bool = False, fill: bytes = b"\0") -> bytes:
    """A raw disk with one partition, of an old partition table or of a GPT."""
    kind, start = (0xEE, (0x00, 0x02, 0x00)) if gpt else (0x83, (0x20, 0x21, 0x00))
    entry = struct.pack("<B3BB3BII", 0 if gpt else boot_flag, *start, kind, 0xFE, 0xFF, 0xFF, 1, 2047)
    table = (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa"
    rest = (fill * (length // len(fill) + 1))[: length - SECTOR]
    return table + rest


def iso(length: int = 64 * 1024) -> bytes:
    """An ISO 9660 volume."""
    blocks = length // 2048
    volume = bytearray(2048)
    volume[0:6] = b"\x01CD001"
    volume[80:84] = struct.pack("<L", blocks)
    volume[128:130] = struct.pack("<H", 2048)
    return (bytes(32 * 1024) + bytes(volume)).ljust(length, b"\0")


def over(below: bytes, above: bytes, length: int) -> bytes:
    """One image that is two: the first bytes of one and the rest of another."""
    return above[:length] + below[length:]


def flat_vmdk(path: str = "/etc/passwd") -> bytes:
    """The descriptor of a vmdk whose data is another file of the machine."""
    text = (
        "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
        f'createType="monolithicFlat"\n\n# Extent description\nRW 4 FLAT "{path}" 0\n\n# The Disk Data Base\n'
    )
    return text.encode() + b"\n# " + b"-" * SECTOR


def vdi(virtual_size: int = 1 << 30) -> bytes:
    """The header of a VirtualBox disk."""
    header = bytearray(64 * 1024)
    header[0x40:0x44] = struct.pack("<I", 0xBEDA107F)
    header[0x170:0x178] = struct.pack("<Q", virtual_size)
    return bytes(header)
