"""Answering a query from the segments of a Whoosh index.

Whoosh reads the postings. The conditions are held against each other here, and what fits is scored: Whoosh's
own queries take half as long again, and nothing can stop them on the way.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import log
from operator import attrgetter
from typing import Any, NamedTuple

from pyroaring import BitMap
from whoosh.matching import ListMatcher, WrappingMatcher
from whoosh.scoring import bm25

from marketplace.search.errors import SearchRefusedError, too_costly
from marketplace.search.whoosh_fields import ANYWHERE, LENGTHS, NUMBER
from marketplace.search.words import Clause, Match, WordQuery

#: Seconds of the processor that a query may take.
TIME_LIMIT = 1.5
#: Words that one prefix may stand for.
MAX_EXPANSION = 256
#: Documents that are looked at between two looks at the clock.
_CHUNK = 32
#: A segment of so few documents keeps in memory what it was asked for.
_SMALL = 64
#: The usual constants of BM25: how much a long text counts against a word, and how soon repeating it adds no
#: more.
_CURVE = 0.75, 1.2


class Segment:
    """A segment of an index that is open. Segments never change, but for more documents that are deleted.

    Most indexes are a group's and small, and to find a word on disk takes longer than everything else about
    it: so a small segment keeps the postings of each word that was asked for.

    Args:
        before: the same segment as an earlier commit left it; what is known of it goes on.
    """

    def __init__(self, reader: Any, before: Segment | None) -> None:
        self.reader = reader
        if before is None:
            #: What the column NUMBER holds of each document.
            self.numbers = array("Q", reader.column_reader(NUMBER, translate=False).load())
            #: What a ListMatcher takes, by field and word.
            self._kept: dict[tuple[str, str], tuple[Any, ...]] = {}
        else:
            self.numbers, self._kept = before.numbers, before._kept

    def postings(self, name: str, word: str) -> Any | None:
        """A matcher of the documents with a word, also of some deleted ones; None where there are none."""
        kept = self._kept.get((name, word))
        if kept is None:
            if (name, word) not in self.reader:
                return None
            matcher, found = self.read(name, word), []
            if len(self.numbers) > _SMALL or not matcher.is_active():
                return matcher
            while matcher.is_active():
                found.append((matcher.id(), matcher.weight(), matcher.value()))
                matcher.next()
            kept = self._kept[name, word] = (*zip(*found, strict=True), self.reader.schema[name].format)
        return ListMatcher(*kept)

    def count(self, name: str, word: str) -> int:
        """How many documents hold a word, also some deleted ones."""
        kept = self._kept.get((name, word))
        return int(self.reader.doc_frequency(name, word)) if kept is None else len(kept[0])

    def read(self, name: str, word: str | bytes) -> Any:
        """A matcher as of ``postings``, of a word that is there."""
        matcher = self.reader.postings(name, word)
        # Leaving out each deleted document by itself makes reading twice as slow.
        return matcher.child if isinstance(matcher, WrappingMatcher) else matcher


class _Word(NamedTuple):
    """A word in a segment, or all that begin alike; its documents are gone through once, upwards."""

    matcher: Any
    size: int
    worth: float


class Search:
    """A query, with what its words are worth: what they were when it was first answered.

    Args:
        documents: how many there were in the index, deleted ones too.
        average: how many words they had on average.
    """

    def __init__(self, query: WordQuery, documents: int, average: float) -> None:
        self._query = query
        self._documents = documents
        self._average = average
        self._worths: dict[tuple[str, str], float] = {}
        self._segments: Collection[Segment] = ()
        self._end = 0.0

    def find(self, among: Iterable[Segment], segments: Collection[Segment]) -> Iterator[tuple[float, int]]:
        """The entries that fit, as scores and keys.

        Args:
            among: where to look for them.
            segments: all of the index.

        Raises:
            SearchRefusedError: the query takes too long, or too many words begin so.
        """
        self._segments = segments
        self._end = time.thread_time() + TIME_LIMIT
        for segment in among:
            self._check()
            yield from self._find(segment)
        self._segments = ()

    def _find(self, segment: Segment) -> Iterator[tuple[float, int]]:
        # A word that stands in two clauses is looked for and scores once.
        known: dict[tuple[str, str], _Word] = {}
        required = [self._words(clause, segment, known) for clause in self._query.required]
        if not all(required):
            return
        phrases = [words for words in required if len(words) > 1]
        excluded = [words for one in self._query.excluded if (words := self._words(one, segment, {}))]
        # The rarest leads: what it names is looked for in the others.
        words = sorted(known.values(), key=attrgetter("size"))
        others, is_deleted = words[1:], segment.reader.is_deleted
        numbers = _documents(words[0].matcher) if words else segment.reader.all_doc_ids()
        for count, number in enumerate(numbers):
            if count % _CHUNK == 0:
                self._check()
            if not _stand(others, number) or is_deleted(number):
                continue
            key, length = divmod(segment.numbers[number], LENGTHS)
            fits = key and all(map(_follow, phrases))
            if fits and not any(_stand(one, number) and _follow(one) for one in excluded):
                score = 0.0
                for matcher, _, worth in words:
                    score += bm25(worth, matcher.weight(), length, self._average, *_CURVE)
                yield score, key

    def _words(
        self, clause: Clause, segment: Segment, known: dict[tuple[str, str], _Word]
    ) -> Sequence[_Word]:
        """The words of a clause in a segment; none where one of them is not there."""
        name = clause.field or ANYWHERE
        if clause.match is Match.PREFIX:
            begin = clause.words[0]
            found = self._beginning(name, begin, segment)
            known[name, f"{begin}*"] = together = _Word(ListMatcher(found), len(found), 0.0)
            return [together] if found else ()
        for word in clause.words:
            if (name, word) not in known:
                matcher = segment.postings(name, word)
                if matcher is None:
                    return ()
                known[name, word] = _Word(matcher, segment.count(name, word), self._worth(name, word))
        return [known[name, word] for word in clause.words]

    def _beginning(self, name: str, begin: str, segment: Segment) -> Sequence[int]:
        """The documents with a word that begins so."""
        found = BitMap()
        for count, word in enumerate(segment.reader.expand_prefix(name, begin)):
            if count == MAX_EXPANSION:
                raise SearchRefusedError(
                    "search.prefix-too-common",
                    f"More than {MAX_EXPANSION} words begin with {begin!r}; give more letters of it.",
                )
            self._check()
            found.update(segment.read(name, word).all_ids())
        return found.to_array()

    def _worth(self, name: str, word: str) -> float:
        """What a word adds to a score where it stands without end: the more, the fewer hold it."""
        if (name, word) not in self._worths:
            holding = sum(segment.count(name, word) for segment in self._segments)
            self._worths[name, word] = log(self._documents / (holding + 1)) + 1
        return self._worths[name, word]

    def _check(self) -> None:
        if time.thread_time() > self._end:
            raise too_costly()


def _documents(matcher: Any) -> Iterator[int]:
    """All that it has; it stands at each of them until the next is asked for."""
    while matcher.is_active():
        yield matcher.id()
        matcher.next()


def _stand(words: Sequence[_Word], number: int) -> bool:
    """Whether a document has all of some words; they stand at it then."""
    for matcher, _, _ in words:
        if matcher.is_active() and matcher.id() < number:
            matcher.skip_to(number)
        if not matcher.is_active() or matcher.id() != number:
            return False
    return True


def _follow(words: Sequence[_Word]) -> bool:
    """Whether words follow each other in the document that they stand at."""
    if len(words) == 1:
        return True
    starts = set(words[0].matcher.value_as("positions"))
    for offset, word in enumerate(words[1:], 1):
        starts.intersection_update([at - offset for at in word.matcher.value_as("positions")])
    return bool(starts)
