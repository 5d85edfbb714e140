"""The frontier of a Merkle tree: all that is needed to append to it and to know its root (RFC 6962, 2.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

_HASH = 32


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the perfect subtrees that a tree of this size consists of, the largest first.

    Args:
        size: leaves.
        hashes: one for each 1 in the binary form of ``size``, so at most 21 for two million leaves.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a frontier of size {self.size} has not {len(self.hashes)} hashes")

    def extended(self, leaves: Iterable[bytes]) -> Frontier:
        """The frontier behind these leaves."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            node = hashlib.sha256(b"\x00" + leaf).digest()
            merging = size
            while merging & 1:
                node = _node(hashes.pop(), node)
                merging >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The root hash of the tree; that of the empty tree is SHA-256 of nothing."""
        if not self.hashes:
            return hashlib.sha256().digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = _node(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes one behind the other, for the database."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what ``to_bytes`` wrote.

        Raises:
            ValueError: that many hashes do not make a tree of this size.
        """
        return cls(size, tuple(data[at : at + _HASH] for at in range(0, len(data), _HASH)))


EMPTY = Frontier(0, ())


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
