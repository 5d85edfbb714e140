"""Digests of sets of entries: equal for equal sets, whatever the order they came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

#: Bytes of a digest: against mistakes and withheld rows, not against somebody who makes up entries.
DIGEST_SIZE = 16
_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class SetSum:
    """A set of entry ids, summed up.

    Args:
        total: sum of the ids as numbers, modulo 2**256.
        count: how many.
    """

    total: int = 0
    count: int = 0

    def plus(self, entry_ids: Iterable[str]) -> SetSum:
        """The set with further ids (64 hex digits each) that are not in it yet."""
        total, count = self.total, self.count
        for entry_id in entry_ids:
            total += int(entry_id, 16)
            count += 1
        return SetSum(total % 2 ** (8 * _ID_BYTES), count)

    @property
    def digest(self) -> str:
        """32 hex digits: the beginning of SHA-256(total in 32 bytes || count in 8), big-endian."""
        return sha256(self.total.to_bytes(_ID_BYTES) + self.count.to_bytes(8)).digest()[:DIGEST_SIZE].hex()


def sum_up(sums: Iterable[SetSum]) -> SetSum:
    """The union of sets that have nothing in common."""
    total = count = 0
    for one in sums:
        total, count = total + one.total, count + one.count
    return SetSum(total % 2 ** (8 * _ID_BYTES), count)
