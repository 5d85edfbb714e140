"""The states of a Whoosh index: each commit makes one, and most of what is in it was in the one before.

To score all of that again, for every query, would make searches wait beside uploads. So an answer goes on
from an earlier one to the same query: only segments that are new are looked through.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

from pyroaring import BitMap

from marketplace.search.answers import Ranked
from marketplace.search.engine import START, Position
from marketplace.search.whoosh_reading import ANYWHERE, QueryDeadline, Scoring, Segment, SegmentParts, key_of
from marketplace.search.whoosh_writing import KEY, POSITION, POSITION_KEY
from marketplace.search.words import WordQuery

#: What words are worth is found anew when more than one in so many documents came or went.
UNLIKE = 50


@dataclass(frozen=True, eq=False, slots=True)
class IndexContents:
    """What is in a state of an index, without its files.

    Args:
        parts: of each segment, by its name.
        deleted: the numbers of the documents that are deleted in each.
    """

    parts: Mapping[str, SegmentParts]
    deleted: Mapping[str, frozenset[int]]

    def changed_since(self, before: IndexContents) -> BitMap:
        """The keys of entries that are elsewhere than they were, or deleted."""
        changed = BitMap()
        for name in before.parts.keys() ^ self.parts.keys():
            changed |= (self.parts.get(name) or before.parts[name]).keys
        for name in before.parts.keys() & self.parts.keys():
            numbers = self.parts[name].numbers
            if self.deleted[name] is not before.deleted[name]:
                fresh = self.deleted[name] - before.deleted[name]
                changed.update([key_of(numbers[one]) for one in fresh])
        return changed


class ScoredAnswer(NamedTuple):
    """An answer, and by which scores it was made."""

    ranked: Ranked
    scoring: Scoring

    def bytes(self) -> int:
        """Bytes of memory, about."""
        return self.ranked.bytes()


NOTHING = IndexContents({}, {})


class IndexState:
    """An index as a commit left it, open.

    Args:
        before: the newest state that was read before.
    """

    def __init__(self, generation: int, searcher: Any, before: IndexContents) -> None:
        self.generation = generation
        self.searcher = searcher
        stored = searcher.document(**{KEY: POSITION_KEY})
        self.position = Position(*stored[POSITION]) if stored else START
        self.segments: list[tuple[Any, SegmentParts]] = []
        parts: dict[str, SegmentParts] = {}
        deleted: dict[str, frozenset[int]] = {}
        for leaf, _ in searcher.leaf_searchers():
            reader = leaf.reader()
            if reader.doc_count_all():
                name = reader.segment().segment_id()
                # Segments never change, but for more documents that are deleted.
                parts[name] = before.parts.get(name) or SegmentParts(reader)
                known = before.deleted.get(name, frozenset())
                same = len(known) == reader.doc_count_all() - reader.doc_count()
                deleted[name] = known if same else frozenset(reader.segment().deleted_docs())
                self.segments.append((reader, parts[name]))
        self.contents = IndexContents(parts, deleted)
        average = searcher.avg_field_length(ANYWHERE) or 1.0
        self._scoring = Scoring(self.segments, searcher.doc_count_all(), average)

    def answer(self, query: WordQuery) -> ScoredAnswer:
        """The entries that fit."""
        deadline, scoring = QueryDeadline(), self._scoring.on(self.segments)
        by_score: defaultdict[float, list[int]] = defaultdict(list)
        for reader, parts in self.segments:
            for score, key in Segment(reader, parts, scoring, deadline).find(query):
                by_score[score].append(key)
        scores, keys = array("d"), array("I")
        for score in sorted(by_score, reverse=True):
            scores.extend(repeat(score, len(by_score[score])))
            keys.extend(by_score[score])
        return ScoredAnswer(Ranked(scores, keys, whole=self.position.whole), scoring.on(()))

    def is_like(self, scoring: Scoring) -> bool:
        """Whether entries still score about as they did: no more than so few came or went."""
        return abs(self._scoring.documents - scoring.documents) * UNLIKE <= scoring.documents

    def continued(self, query: WordQuery, known: ScoredAnswer, before: IndexContents) -> ScoredAnswer:
        """The entries that fit, where an earlier answer tells most of them.

        Args:
            before: what was in the index then.
        """
        deadline, scoring = QueryDeadline(), known.scoring.on(self.segments)
        found = [
            one
            for reader, parts in self.segments
            if reader.segment().segment_id() not in before.parts
            for one in Segment(reader, parts, scoring, deadline).find(query)
        ]
        gone = self.contents.changed_since(before)
        ranked = known.ranked.changed(gone, found, whole=self.position.whole)
        return ScoredAnswer(ranked, scoring.on(()))
