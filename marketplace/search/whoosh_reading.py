"""Answering a query from the segments of a Whoosh index.

Whoosh reads the postings. The conditions are held against each other here, and what fits is scored: Whoosh's
own query objects score every posting of every word, and nothing can stop them on the way.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from math import log
from typing import Any, NamedTuple

from whoosh.matching import ListMatcher, WrappingMatcher

from marketplace.search.errors import SearchRefusedError, too_costly
from marketplace.search.whoosh_fields import ANYWHERE, NUMBER, key_and_words
from marketplace.search.words import Clause, Match, WordQuery

#: Seconds of the processor that a query may take.
TIME_LIMIT = 1.5
#: Words that one prefix may stand for.
MAX_EXPANSION = 256
#: Postings that are read between two looks at the clock.
_CHUNK = 1024
#: A segment of so few documents is read as a whole when so many words of it were asked for, unless it has
#: more different ones than these.
_SMALL, _ASKED, _MOST_WORDS = 64, 4, 3000
#: The usual constants of BM25: how much a long text counts against a word, and how soon repeating it adds no
#: more.
_LENGTH, _SATURATION = 0.75, 1.2


#: What a ListMatcher takes, by field and word.
_Whole = dict[tuple[str, str], tuple[Any, ...]]


class Segment:
    """A segment of an index that is open.

    Segments never change, but for more documents that are deleted. Most indexes are a group's and small, and
    to find one word on disk takes longer than everything else about them: a small segment is read into memory
    when some words of it were asked for.

    Args:
        before: the same segment as an earlier commit left it; what is known of it goes on.
    """

    def __init__(self, reader: Any, before: Segment | None) -> None:
        self.reader = reader
        if before is None:
            column = reader.column_reader(NUMBER, translate=False)
            #: What the column NUMBER holds of each document.
            self.numbers = array("Q", (column[number] for number in range(reader.doc_count_all())))
        else:
            self.numbers = before.numbers
        self._asked: int = 0 if before is None else before._asked
        self._whole: _Whole | None = None if before is None else before._whole

    def postings(self, name: str, word: str) -> Any | None:
        """A matcher of the documents with a word, also of some deleted ones; None where there are none."""
        if self._whole is None and len(self.numbers) <= _SMALL:
            self._asked += 1
            if self._asked == _ASKED:
                self._whole = self._read_whole()
        if self._whole is not None:
            held = self._whole.get((name, word))
            return None if held is None else ListMatcher(*held)
        return self._read(name, word) if (name, word) in self.reader else None

    def count(self, name: str, word: str) -> int:
        """How many documents hold a word, also some deleted ones."""
        if self._whole is not None:
            return len(self._whole.get((name, word), ((),))[0])
        return int(self.reader.doc_frequency(name, word))

    def beginning(self, name: str, begin: str, check: Callable[[], None]) -> set[int]:
        """The documents with a word that begins so.

        Args:
            check: called between two words.

        Raises:
            SearchRefusedError: more words begin so than a prefix may stand for.
        """
        found: set[int] = set()
        words = self.reader.expand_prefix(name, begin) if name in self.reader.schema else ()
        for count, word in enumerate(words):
            if count == MAX_EXPANSION:
                raise SearchRefusedError(
                    "search.prefix-too-common",
                    f"More than {MAX_EXPANSION} words begin with {begin!r}; give more letters of it.",
                )
            check()
            found.update(self._read(name, word).all_ids())
        return found

    def _read(self, name: str, word: str | bytes) -> Any:
        matcher = self.reader.postings(name, word)
        # Leaving out each deleted document by itself makes reading twice as slow.
        return matcher.child if isinstance(matcher, WrappingMatcher) else matcher

    def _read_whole(self) -> _Whole | None:
        """All postings; None where there are too many words."""
        terms = list(islice(self.reader.all_terms(), _MOST_WORDS + 1))
        whole = {}
        for name, word in terms if len(terms) <= _MOST_WORDS else ():
            matcher, found = self._read(name, word), []
            while matcher.is_active():
                found.append((matcher.id(), matcher.weight(), matcher.value()))
                matcher.next()
            if found:
                whole[name, word.decode()] = (*zip(*found, strict=True), self.reader.schema[name].format)
        return whole or None


class Scoring:
    """What the words of one query are worth: what they were when the query was first answered.

    Args:
        documents: how many there were in the index, deleted ones too.
        average: how many words they had on average.
    """

    def __init__(self, documents: int, average: float) -> None:
        self._documents = documents
        self._average = average
        self._worths: dict[tuple[str, str], float] = {}

    def worth(self, name: str, word: str, segments: Collection[Segment]) -> float:
        """What a word adds to a score where it stands without end: the more, the fewer hold it."""
        found = self._worths.get((name, word))
        if found is None:
            holding = sum(segment.count(name, word) for segment in segments)
            found = (log(self._documents / (holding + 1)) + 1) * (_SATURATION + 1)
            self._worths[name, word] = found
        return found

    def damping(self, words: int) -> float:
        """How much the length of a text counts against each word in it."""
        return _SATURATION * (1 - _LENGTH + _LENGTH * words / self._average)


class Search:
    """A query that is being answered.

    Args:
        segments: all of the index, by their names.
    """

    def __init__(self, query: WordQuery, scoring: Scoring, segments: Mapping[str, Segment]) -> None:
        self._query = query
        self._scoring = scoring
        self._segments = segments
        self._end = time.thread_time() + TIME_LIMIT

    def find(self, name: str) -> Iterator[tuple[float, int]]:
        """The entries that fit in a segment, as scores and keys.

        Raises:
            SearchRefusedError: the query takes too long, or too many words begin so.
        """
        self._check()
        segment = self._segments[name]
        #: By field and word, so that a word which stands in two clauses is looked for and scores once.
        known: dict[tuple[str, str], _Word] = {}
        required: list[_Condition] = []
        for clause in self._query.required:
            condition = self._condition(clause, segment, known)
            if condition is None:
                return
            required.append(condition)
        words = sorted(known.values(), key=lambda one: one.size)
        others = [one for one in required if len(one.words) != 1]
        excluded = [
            one for clause in self._query.excluded if (one := self._condition(clause, segment, known))
        ]
        # The rarest leads: what it names is looked for in the others.
        fits = [word.matches for word in words]
        begun = sorted((one.documents for one in others if not one.words), key=len)
        if begun and (not words or len(begun[0]) < words[0].size):
            numbers: Iterator[int] = iter(sorted(begun[0]))
        elif words:
            numbers = words[0].documents()
            del fits[0]
        else:
            numbers = segment.reader.all_doc_ids()
        fits += [one.fits for one in others]
        is_deleted = segment.reader.is_deleted
        for count, number in enumerate(numbers):
            if count % _CHUNK == 0:
                self._check()
            for fit in fits:
                if not fit(number):
                    break
            else:
                key, length = key_and_words(segment.numbers[number])
                if key and not is_deleted(number) and not any(one.fits(number) for one in excluded):
                    damping = self._scoring.damping(length)
                    yield sum([word.score(damping) for word in words]), key

    def _condition(
        self, clause: Clause, segment: Segment, known: dict[tuple[str, str], _Word]
    ) -> _Condition | None:
        """A clause on a segment; None where nothing there fulfils it."""
        name = clause.field or ANYWHERE
        if clause.match is Match.PREFIX:
            documents = segment.beginning(name, clause.words[0], self._check)
            return _Condition([], documents) if documents else None
        for word in clause.words:
            if (name, word) not in known:
                matcher = segment.postings(name, word)
                if matcher is None:
                    return None
                worth = self._scoring.worth(name, word, self._segments.values())
                known[name, word] = _Word(matcher, segment.count(name, word), worth)
        return _Condition([known[name, word] for word in clause.words], set())

    def _check(self) -> None:
        if time.thread_time() > self._end:
            raise too_costly()


class _Word:
    """A word in a segment, whose documents are gone through once, in ascending order.

    Args:
        size: about how many documents hold it.
        worth: what it adds to a score where it stands without end.
    """

    def __init__(self, matcher: Any, size: int, worth: float) -> None:
        self._matcher = matcher
        self.size = size
        self._worth = worth

    def documents(self) -> Iterator[int]:
        """All that hold it; it stands at each of them until the next is asked for."""
        matcher = self._matcher
        while matcher.is_active():
            yield matcher.id()
            matcher.next()

    def matches(self, number: int) -> bool:
        """Whether a document has it; it stands there then."""
        matcher = self._matcher
        if matcher.is_active() and matcher.id() < number:
            matcher.skip_to(number)
        return matcher.is_active() and bool(matcher.id() == number)

    def positions(self) -> Sequence[int]:
        """Where it stands in the document that it stands at."""
        found: Sequence[int] = self._matcher.value_as("positions")
        return found

    def score(self, damping: float) -> float:
        """What it adds to the score of the document that it stands at: Okapi BM25."""
        weight: float = self._matcher.weight()
        return self._worth * weight / (weight + damping)


class _Condition(NamedTuple):
    """A clause of a query on one segment.

    Args:
        words: which follow each other; none for a prefix.
        documents: that have a word with the prefix.
    """

    words: Sequence[_Word]
    documents: set[int]

    def fits(self, number: int) -> bool:
        """Whether a document fulfils it."""
        if not self.words:
            return number in self.documents
        for word in self.words:
            if not word.matches(number):
                return False
        if len(self.words) == 1:
            return True
        starts = set(self.words[0].positions())
        for offset, word in enumerate(self.words[1:], 1):
            starts.intersection_update([at - offset for at in word.positions()])
        return bool(starts)
