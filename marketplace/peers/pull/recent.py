"""The last rows of a log, by their hashes: what roots its tree had lately."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.tlog.following import EMPTY
from marketplace.tlog.merkle import Frontier

#: Rows whose hashes are kept at least, 32 bytes each and what Python adds.
KEPT = 1024


class Recent:
    """The frontier behind some row of a log, the hashes of all rows since, and the frontier behind those."""

    def __init__(self) -> None:
        self._start = self._end = EMPTY
        self._hashes: list[bytes] = []

    def add(self, start: Frontier, hashes: Sequence[bytes], end: Frontier) -> None:
        """Further rows were taken in.

        Args:
            start, end: of the log before and behind them.
        """
        if start != self._end:
            self._start, self._hashes = start, []
        self._end = end
        self._hashes += hashes
        if len(self._hashes) > 2 * KEPT:
            self._start = self._start.extended(self._hashes[:-KEPT])
            del self._hashes[:-KEPT]

    def find_root(self, now: Frontier, size: int) -> bytes | None:
        """The root of the log's tree when it had so many rows; None where that is too long ago.

        Args:
            now: the log as it is: rows that were given up since count for nothing.
        """
        if size == now.size:
            return now.root
        if now != self._end or not self._start.size <= size < now.size:
            return None
        return self._start.extended(self._hashes[: size - self._start.size]).root
