"""Answering a query from a Whoosh reader.

Whoosh's own query objects score every posting of every word before anything is
known about filters. Here each condition becomes a bitmap of document numbers
first, bitmaps are combined, and only entries that passed the filters are
scored. Reading is bounded: in time as a whole, in words for a prefix, and in
postings for the scores, where rare words go first because they decide.
"""

from __future__ import annotations

import heapq
import time
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Any

from pyroaring import BitMap

from marketplace.search.engine import Ranked
from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import Clause, Match, WordQuery

ANYWHERE = "anywhere"
NUMBER = "number"

#: Seconds that finding the matching entries may take.
TIME_LIMIT = 1.5
#: Words that one prefix may stand for.
MAX_EXPANSION = 256
#: Postings that are read for scores; further words, the commonest, leave the order as it is.
SCORED_POSTINGS = 120_000
#: Looking one entry up in a word's postings costs about as much as reading this many in a row.
_SKIP_COST = 6
#: Conditions whose bitmaps are remembered, and the bytes these may have together.
CACHED_CONDITIONS, CACHED_BYTES = 512, 16 * 2**20
_CHUNK = 4096


class Snapshot:
    """A reader on one generation of the index, used by one thread at a time."""

    def __init__(self, searcher: Any, generation: int, numbers: SegmentNumbers) -> None:
        self.searcher = searcher
        self.generation = generation
        self.leaves = [Leaf(leaf, numbers) for leaf, _ in searcher.leaf_searchers() if leaf.doc_count_all()]
        numbers.keep({leaf.identity[0] for leaf in self.leaves})

    def verify(self) -> None:
        """Touch the parts of every segment; raises whatever the damage raises."""
        for leaf in self.leaves:
            leaf.verify()

    def close(self) -> None:
        """Close the reader's files."""
        self.searcher.close()


class Leaf:
    """One segment of a snapshot."""

    def __init__(self, searcher: Any, numbers: SegmentNumbers) -> None:
        self.searcher = searcher
        self.reader = searcher.reader()
        self._known = numbers
        # A segment never changes except that documents are marked deleted.
        self.identity = (self.reader.segment().segment_id(), self.reader.segment().deleted_count())

    @cached_property
    def numbers(self) -> array[int]:
        """The entry key of each document number; 0 for the one that is no entry."""
        return self._known.of(self.identity[0], self.reader)

    def verify(self) -> None:
        """Touch the parts of the segment; raises whatever the damage raises."""
        _ = self.numbers
        for field in self.reader.indexed_field_names():
            for word in islice(self.reader.lexicon(field), 3):
                next(self.reader.postings(field, word).all_ids(), None)

    def ids(self, field: str, word: str | bytes) -> Iterable[int]:
        """Numbers of the documents with a word, ascending."""
        return self.reader.postings(field, word).all_ids() if (field, word) in self.reader else ()


class SegmentNumbers:
    """The entry keys of each segment, read once: a commit adds a segment and leaves most as they are."""

    def __init__(self) -> None:
        self._known: dict[str, array[int]] = {}

    def of(self, segment: str, reader: Any) -> array[int]:
        """The entry key of each document number of a segment; treat it as frozen."""
        found = self._known.get(segment)
        if found is None:
            column = reader.column_reader(NUMBER)
            found = array("q", (column[number] for number in range(reader.doc_count_all())))
            self._known[segment] = found
        return found

    def keep(self, segments: set[str]) -> None:
        """Forget all other segments."""
        self._known = {segment: found for segment, found in self._known.items() if segment in segments}


class PostingCache:
    """Bitmaps of conditions on segments, shared by all readers of an index."""

    def __init__(self) -> None:
        self._items: OrderedDict[Any, BitMap] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def find(self, key: Any) -> BitMap | None:
        """The bitmap remembered for a condition on a segment; treat it as frozen."""
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
            return found

    def remember(self, key: Any, found: BitMap) -> None:
        """Remember a bitmap, and forget the least used ones over the bounds."""
        cost = 4 * len(found)
        with self._lock:
            if key in self._items or cost > CACHED_BYTES // 4:
                return
            self._items[key] = found
            self._bytes += cost
            while len(self._items) > CACHED_CONDITIONS or self._bytes > CACHED_BYTES:
                _, dropped = self._items.popitem(last=False)
                self._bytes -= 4 * len(dropped)


class Evaluator:
    """One query on one snapshot."""

    def __init__(self, snapshot: Snapshot, query: WordQuery, cache: PostingCache) -> None:
        self._snapshot = snapshot
        self._query = query
        self._cache = cache
        self._deadline = time.monotonic() + TIME_LIMIT
        self._found = [(leaf, self._matching(leaf)) for leaf in snapshot.leaves]
        self.keys = BitMap()
        for leaf, found in self._found:
            numbers = leaf.numbers
            self.keys |= BitMap(array("I", [numbers[number] for number in found]))
        self.keys.discard(0)

    def ranked(self, among: BitMap, limit: int, after: Ranked | None) -> list[Ranked]:
        """The best-fitting entries among some; see Matches."""
        scores = self._scores(among)
        order = ((-score, -key) for key, score in scores.items())
        if after is not None:
            # Other entries' arrival shifts all scores a little: go on behind the place the last one has now.
            last = (-scores.get(after.entry_key, after.score), -after.entry_key)
            order = (place for place in order if place > last)
        return [Ranked(-score, -key) for score, key in heapq.nsmallest(limit, order)]

    def _matching(self, leaf: Leaf) -> BitMap:
        found: BitMap | None = None
        for clause in self._query.required:
            holding = self._holding(leaf, clause)
            found = holding if found is None else found & holding
            if not found:
                return found
        if found is None:
            found = BitMap(leaf.reader.all_doc_ids())
        for clause in self._query.excluded:
            found = found - self._holding(leaf, clause)
        return found

    def _holding(self, leaf: Leaf, clause: Clause) -> BitMap:
        key = (leaf.identity, clause)
        known = self._cache.find(key)
        if known is None:
            field = clause.field or ANYWHERE
            if clause.match is Match.PREFIX:
                known = self._prefixed(leaf, field, clause.words[0])
            elif len(clause.words) > 1:
                known = self._phrase(leaf, field, clause)
            else:
                known = self._read(leaf.ids(field, clause.words[0]))
            self._cache.remember(key, known)
        return known

    def _read(self, numbers: Iterable[int]) -> BitMap:
        found, source = BitMap(), iter(numbers)
        while chunk := list(islice(source, _CHUNK)):
            found.update(chunk)
            self._check_time()
        return found

    def _prefixed(self, leaf: Leaf, field: str, begin: str) -> BitMap:
        if field not in leaf.reader.schema:
            return BitMap()
        found = BitMap()
        for count, word in enumerate(leaf.reader.expand_prefix(field, begin)):
            if count == MAX_EXPANSION:
                raise SearchRefusedError(
                    "search.prefix-too-common",
                    f"More than {MAX_EXPANSION} words begin with {begin!r}; give more letters of it.",
                )
            found |= self._read(leaf.ids(field, word))
        return found

    def _phrase(self, leaf: Leaf, field: str, clause: Clause) -> BitMap:
        """Documents where the words follow each other: of those that have all, by their positions."""
        distinct = dict.fromkeys(clause.words)
        candidates: BitMap | None = None
        for word in distinct:
            holding = self._holding(leaf, Clause((word,), clause.field))
            candidates = holding if candidates is None else candidates & holding
        if not candidates:
            return BitMap()
        postings = {word: leaf.reader.postings(field, word) for word in distinct}
        return BitMap(self._adjacent(candidates, clause.words, postings))

    def _adjacent(
        self, candidates: BitMap, words: tuple[str, ...], postings: dict[str, Any]
    ) -> Iterator[int]:
        for count, number in enumerate(candidates):
            if count % 256 == 0:
                self._check_time()
            starts: set[int] | None = None
            places: dict[str, list[int]] = {}
            for offset, word in enumerate(words):
                if word not in places:
                    postings[word].skip_to(number)
                    places[word] = postings[word].value_as("positions")
                here = {place - offset for place in places[word]}
                starts = here if starts is None else starts & here
                if not starts:
                    break
            if starts:
                yield number

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise SearchRefusedError(
                "search.too-costly", "The search takes too long to answer; use rarer words, or fewer."
            )

    def _scores(self, among: BitMap) -> dict[int, float]:
        """The score of every matching entry among some; 0 where no word of the query has weight."""
        scores: dict[int, float] = {}
        places = [(leaf, self._places(leaf, found, among)) for leaf, found in self._found]
        scored = [dict.fromkeys(place, 0.0) for _, place in places]
        left = SCORED_POSTINGS
        for postings, field, word in self._words_by_rarity():
            cost = sum(min(len(one) * _SKIP_COST, postings) for one in scored)
            if cost > left:
                break
            left -= cost
            for (leaf, _), one in zip(places, scored, strict=True):
                _add_scores(leaf, field, word, one)
        for (leaf, _), one in zip(places, scored, strict=True):
            numbers = leaf.numbers
            scores.update((numbers[number], score) for number, score in one.items())
        return scores

    def _places(self, leaf: Leaf, found: BitMap, among: BitMap) -> list[int]:
        numbers = leaf.numbers
        return [number for number in found if numbers[number] in among]

    def _words_by_rarity(self) -> list[tuple[int, str, str]]:
        """(documents, field, word) of every word that scores, the rarest first."""
        reader = self._snapshot.searcher.reader()
        wanted = {
            (str(clause.field or ANYWHERE), word)
            for clause in self._query.required
            if clause.match is Match.EXACT
            for word in clause.words
        }
        return sorted((reader.doc_frequency(field, word), field, word) for field, word in wanted)


def _add_scores(leaf: Leaf, field: str, word: str, scores: dict[int, float]) -> None:
    if not scores or (field, word) not in leaf.reader:
        return
    matcher = leaf.searcher.postings(field, word)
    if len(scores) * _SKIP_COST < leaf.reader.doc_frequency(field, word):
        for number in scores:  # ascending, as they were put in
            matcher.skip_to(number)
            if not matcher.is_active():
                return
            if matcher.id() == number:
                scores[number] += matcher.score()
        return
    while matcher.is_active():
        number = matcher.id()
        if number in scores:
            scores[number] += matcher.score()
        matcher.next()
