"""Answering a query from a snapshot of a Whoosh index.

Each condition becomes a set of entries, and sets are combined. What was read of
a segment is remembered: it stays true for as long as the segment lives.
"""

from __future__ import annotations

from pyroaring import BitMap

from marketplace.search.remembered import Remembered
from marketplace.search.whoosh_answers import Deadline, Held, WhooshMatches, posting_bytes
from marketplace.search.whoosh_segments import Leaf, Postings
from marketplace.search.whoosh_snapshots import Snapshot
from marketplace.search.words import Clause, Match, WordQuery

ANYWHERE = "anywhere"

#: Bytes of postings that are remembered.
CACHED_BYTES = 32 * 2**20

#: What conditions find in segments, by the names of these.
PostingCache = Remembered[tuple[str, Clause], Postings]


def posting_cache() -> PostingCache:
    """An empty one, to be shared by all snapshots of an index."""
    return Remembered(CACHED_BYTES, posting_bytes)


class Evaluator:
    """Answers one query from one snapshot."""

    def __init__(self, snapshot: Snapshot, cache: PostingCache) -> None:
        self._snapshot = snapshot
        self._cache = cache
        self._deadline = Deadline()

    def answer(self, query: WordQuery) -> WhooshMatches:
        """The entries that fit."""
        snapshot = self._snapshot
        found: BitMap | None = None
        held: list[Held] = []
        for clause in query.required:
            parts, keys = self._holding(clause)
            found = keys if found is None else found & keys
            if not found:
                break
            # Beginnings of words have no weight.
            if clause.match is Match.EXACT:
                held.append(Held(clause.field or ANYWHERE, len(keys), parts))
        if found is None:
            found = snapshot.everything
        for clause in query.excluded:
            if not found:
                break
            found = found - self._holding(clause)[1]
        # Words that no entry has together weigh nothing.
        return WhooshMatches(
            found,
            held if found else (),
            len(snapshot.everything),
            snapshot.averages,
            whole=snapshot.position.whole,
        )

    def _holding(self, clause: Clause) -> tuple[list[tuple[Postings, BitMap]], BitMap]:
        """What fulfils a condition on each segment, with what is deleted there, and the entries of all."""
        parts = [(self._on(leaf, clause), dead) for leaf, dead in self._snapshot.leaves]
        live = [postings.keys - dead if dead else postings.keys for postings, dead in parts]
        return parts, live[0] if len(live) == 1 else BitMap.union(*live) if live else BitMap()

    def _on(self, leaf: Leaf, clause: Clause) -> Postings:
        """What fulfils a condition on one segment, also of what was deleted since."""
        if leaf.is_whole and clause.match is Match.EXACT and len(clause.words) == 1:
            return leaf.word(clause.field or ANYWHERE, clause.words[0], self._deadline.check)
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
        self._deadline.check()
        name = clause.field or ANYWHERE
        if clause.match is Match.PREFIX:
            return leaf.beginning(name, clause.words[0], self._deadline.check)
        if len(clause.words) == 1:
            return leaf.word(name, clause.words[0], self._deadline.check)
        return leaf.phrase(name, clause.words, self._deadline.check)
