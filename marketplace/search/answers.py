"""Answers of engines that score every entry that fits. They hold all that they need, and no file."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from itertools import compress
from operator import neg

from pyroaring import BitMap

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search.engine import Equals
from marketplace.search.words import WordQuery

#: Bytes of answers that are remembered for an index.
ANSWER_BYTES = 16 * 2**20
#: Bytes of an answer to a query, about, and of each entry in it.
_ANSWER, _ENTRY = 500, 14


class Ranked:
    """The answer to one query; see Matches. Frozen, so that several searches may share it.

    Args:
        scores: the best first.
        keys: of the entries that have them.
        whole: whether the index had everything.
    """

    def __init__(self, scores: Sequence[float], keys: Sequence[int], *, whole: bool) -> None:
        self._scores = array("d", scores)
        self._keys = array("I", keys)
        self.keys = BitMap(self._keys)
        self.whole = whole

    def bytes(self) -> int:
        """Bytes of memory, about."""
        return _ANSWER + _ENTRY * len(self._keys)

    def changed(self, gone: BitMap, found: Iterable[tuple[float, int]], *, whole: bool) -> Ranked:
        """The answer after entries were changed.

        Args:
            gone: keys of entries that are no longer there, or were written again.
            found: what fits of those that were written, as scores and keys.
            whole: as of the answer.
        """
        scores, keys = self._scores[:], self._keys[:]
        if self.keys & gone:
            left = [key not in gone for key in keys]
            scores, keys = array("d", compress(scores, left)), array("I", compress(keys, left))
        for score, key in found:
            at = bisect_left(scores, -score, key=neg)
            scores.insert(at, score)
            keys.insert(at, key)
        return Ranked(scores, keys, whole=whole)

    def best(self, among: BitMap, limit: int, last: float | None = None) -> list[Equals]:
        """The best-fitting entries among some; see Matches."""
        listed: list[Equals] = []
        count = 0
        start = 0 if last is None else bisect_left(self._scores, -last, key=neg)
        while start < len(self._keys) and count < limit:
            score = self._scores[start]
            end = bisect_right(self._scores, -score, lo=start, key=neg)
            if equals := among & BitMap(self._keys[start:end]):
                listed.append(Equals(score, equals))
                count += len(equals) if score != last else 0
            start = end
        return listed

    def score_of(self, entry_key: int) -> float | None:
        """The score that an entry has by now; see Matches."""
        return self._scores[self._keys.index(entry_key)] if entry_key in self.keys else None


def answer_cache() -> BoundedCache[tuple[Hashable, WordQuery], Ranked]:
    """An empty one, by states of an index and queries: who searches goes on to pages and filters."""
    return BoundedCache(ANSWER_BYTES, Ranked.bytes)
