"""The demo's images: tiny, real, and each another one."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable

from backports import zstd

from marketplace.demo.hypervisor import boot_disk

_CLUSTER_BITS = 12
_CLUSTER = 1 << _CLUSTER_BITS
#: Of a cluster that is used once: what the tables of a qcow2 file say of each that they lead to.
_COPIED = 1 << 63
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def make_image(name: str, format: str, kind: str) -> bytes:
    """A disk of 1 MiB: a machine says on its first serial line that it runs, and stops; a disk is empty.

    Args:
        name: is written into the image, so that no two are the same.
        format: of the file; what cannot be made here is raw.
        kind: ``machine`` or ``disk``.
    """
    disk = boot_disk(name) if kind == "machine" else name.encode().ljust(1 << 20, b"\0")
    return qcow2(disk) if format == "qcow2" else disk


def pack(data: bytes, compression: str | None) -> bytes:
    """An image as its file holds it."""
    return data if compression is None else _PACKERS[compression](data)


def qcow2(disk: bytes) -> bytes:
    """A disk of 2 MiB at most as a qcow2 file of version 2, without its empty clusters.

    Source: docs/interop/qcow2.txt of QEMU.
    """
    # Header, table of reference counts, one block of them, both levels of the table of clusters, data.
    counts, block, first, second, data = range(1, 6)
    clusters = [disk[at : at + _CLUSTER].ljust(_CLUSTER, b"\0") for at in range(0, len(disk), _CLUSTER)]
    table: list[int] = []
    kept: list[bytes] = []
    empty = bytes(_CLUSTER)
    for cluster in clusters:
        if cluster == empty:
            table.append(0)
        else:
            table.append(_COPIED | (data + len(kept)) * _CLUSTER)
            kept.append(cluster)
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", 2, 0, 0, _CLUSTER_BITS, len(clusters) * _CLUSTER, 0, 1,
        first * _CLUSTER, counts * _CLUSTER, 1, 0, 0,
    )  # fmt: skip
    parts = (
        header,
        struct.pack(">Q", block * _CLUSTER),
        struct.pack(">H", 1) * (data + len(kept)),
        struct.pack(">Q", _COPIED | second * _CLUSTER),
        struct.pack(f">{len(table)}Q", *table),
        *kept,
    )
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)
