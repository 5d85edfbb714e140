"""Answering a query from a snapshot of a Whoosh index.

Each condition becomes a set of entries, and sets are combined. What was read of
a segment is remembered: it stays true for as long as the segment lives.
"""

from __future__ import annotations

import time
from math import log

from pyroaring import BitMap

from marketplace.search.engine import Ranked
from marketplace.search.equals import Weighed, best, score_of
from marketplace.search.errors import SearchRefusedError
from marketplace.search.remembered import Remembered
from marketplace.search.whoosh_segments import Leaf, Postings
from marketplace.search.whoosh_snapshots import Snapshot
from marketplace.search.words import Clause, Match, WordQuery

ANYWHERE = "anywhere"

#: Seconds that answering may take.
TIME_LIMIT = 1.5
#: Bytes of postings that are remembered.
CACHED_BYTES = 32 * 2**20
#: Bytes that a set takes besides its members, about, and those of a member.
_SET_BYTES, _MEMBER_BYTES = 250, 2
#: The usual constants of BM25: how much a long field counts against a word, and how soon repeating it
#: adds no more.
_LENGTH, _SATURATION = 0.75, 1.2


#: What conditions find in segments, by the names of these.
PostingCache = Remembered[tuple[str, Clause], Postings]


def posting_cache() -> PostingCache:
    """An empty one, to be shared by all snapshots of an index."""
    return Remembered(CACHED_BYTES, _cost)


def _cost(postings: Postings) -> int:
    """Bytes of memory, about: each key stands in two sets."""
    return _SET_BYTES * (1 + len(postings.alike)) + 2 * _MEMBER_BYTES * len(postings.keys)


class Evaluator:
    """One query on one snapshot."""

    def __init__(self, snapshot: Snapshot, query: WordQuery, cache: PostingCache) -> None:
        self.snapshot = snapshot
        self._query = query
        self._cache = cache
        self._deadline = time.monotonic() + TIME_LIMIT
        self.keys = self._matching()

    def ranked(self, among: BitMap, limit: int, after: Ranked | None) -> list[Ranked]:
        """The best-fitting entries among some; see Matches."""
        # Beginnings of words have no weight.
        exact = (clause for clause in self._query.required if clause.match is Match.EXACT)
        words = [self._weighed(clause) for clause in exact]
        if after is not None and after.entry_key in self.keys:
            # Other entries' arrival shifts all scores a little: go on behind the place the last one has now.
            after = Ranked(score_of(after.entry_key, words), after.entry_key)
        return best(among & self.keys, words, limit, after, self._check_time)

    def _matching(self) -> BitMap:
        found: BitMap | None = None
        for clause in self._query.required:
            holding = self._holding(clause)
            found = holding if found is None else found & holding
            if not found:
                return found
        if found is None:
            found = self.snapshot.everything
        for clause in self._query.excluded:
            found = found - self._holding(clause)
        return found

    def _holding(self, clause: Clause) -> BitMap:
        """The entries of all segments that fulfil a condition."""
        parts = [self._on(leaf, clause).keys - dead for leaf, dead in self.snapshot.leaves]
        return BitMap.union(*parts) if parts else BitMap()

    def _on(self, leaf: Leaf, clause: Clause) -> Postings:
        """What fulfils a condition on one segment, also of what was deleted since."""
        known = self._cache.find((leaf.name, clause))
        if known is None:
            with leaf.lock:
                # Another thread may have read it while this one waited.
                known = self._cache.find((leaf.name, clause))
                if known is None:
                    known = self._read(leaf, clause)
                    self._cache.keep((leaf.name, clause), known)
        return known

    def _read(self, leaf: Leaf, clause: Clause) -> Postings:
        self._check_time()
        name = clause.field or ANYWHERE
        if clause.match is Match.PREFIX:
            return leaf.beginning(name, clause.words[0], self._check_time)
        if len(clause.words) == 1:
            return leaf.word(name, clause.words[0], self._check_time)
        return leaf.phrase(name, clause.words, self._check_time)

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise SearchRefusedError(
                "search.too-costly", "The search takes too long to answer; use rarer words, or fewer."
            )

    def _weighed(self, clause: Clause) -> Weighed:
        """What a word or phrase adds to the score of each entry that holds it: Okapi BM25."""
        name = clause.field or ANYWHERE
        rarity = log(len(self.snapshot.everything) / (len(self._holding(clause)) + 1)) + 1
        average = self.snapshot.average_length(name)
        alike: dict[tuple[int, float], BitMap] = {}
        for leaf, dead in self.snapshot.leaves:
            for one, held in self._on(leaf, clause).alike.items():
                live = held - dead if dead else held
                alike[one] = alike[one] | live if one in alike else live
        added: dict[int, list[tuple[float, BitMap]]] = {}
        for (length, weight), held in alike.items():
            damped = weight + _SATURATION * (1 - _LENGTH + _LENGTH * length / average)
            added.setdefault(length, []).append((rarity * weight * (_SATURATION + 1) / damped, held))
        return Weighed(name, added)
