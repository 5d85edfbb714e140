"""Answering a query from one segment of a Whoosh index.

Whoosh reads the postings. The conditions are held against each other here, and what fits is scored: Whoosh's
own query objects score every posting of every word, and nothing can stop them on the way.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from math import log
from typing import Any, Protocol

from pyroaring import BitMap
from whoosh.matching import ListMatcher, WrappingMatcher

from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import Clause, Match, WordQuery

#: Field with the words of all fields.
ANYWHERE = "anywhere"
#: Column with the key of each document's entry and how many words the entry has; 0 for the one that is none.
NUMBER = "number"
_LENGTH_BITS = 16
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


class QueryDeadline:
    """How much time the thread may spend on a query that begins now."""

    def __init__(self) -> None:
        self._end = time.thread_time() + TIME_LIMIT

    def check(self) -> None:
        """Go on if there is time.

        Raises:
            SearchRefusedError: there is none.
        """
        if time.thread_time() > self._end:
            raise SearchRefusedError(
                "search.too-costly", "The search takes too long to answer; use rarer words, or fewer."
            )


class SegmentParts:
    """The parts of a segment that stay from one commit to the next: segments never change.

    Most indexes are a group's and small, and to find one word on disk takes longer than everything else about
    them: a small segment is read into memory when some words of it were asked for.
    """

    def __init__(self, reader: Any) -> None:
        column = reader.column_reader(NUMBER, translate=False)
        #: What the column NUMBER holds of each document.
        self.numbers = array("Q", (column[number] for number in range(reader.doc_count_all())))
        self._asked = 0
        self._whole: dict[tuple[str, str], tuple[Any, ...]] | None = None

    @cached_property
    def keys(self) -> BitMap:
        """The keys of its entries, also of deleted ones."""
        return BitMap([key_of(number) for number in self.numbers])

    def postings(self, reader: Any, name: str, word: str) -> Any | None:
        """The postings of a word, also some of deleted documents; None where there are none."""
        if self._whole is None and len(self.numbers) <= _SMALL:
            self._asked += 1
            if self._asked == _ASKED:
                self._read_whole(reader)
        if self._whole is not None:
            held = self._whole.get((name, word))
            return None if held is None else ListMatcher(*held)
        return _postings(reader, name, word) if (name, word) in reader else None

    def count(self, reader: Any, name: str, word: str) -> int:
        """How many documents hold a word, also some deleted ones."""
        if self._whole is not None:
            return len(self._whole.get((name, word), ((),))[0])
        return int(reader.doc_frequency(name, word))

    def _read_whole(self, reader: Any) -> None:
        terms = [(name, word.decode()) for name, word in islice(reader.all_terms(), _MOST_WORDS + 1)]
        if len(terms) > _MOST_WORDS:
            return
        whole = {}
        for name, word in terms:
            matcher, found = _postings(reader, name, word), []
            while matcher.is_active():
                found.append((matcher.id(), matcher.weight(), matcher.value()))
                matcher.next()
            if found:
                whole[name, word] = (*zip(*found, strict=True), reader.schema[name].format)
        self._whole = whole


def _postings(reader: Any, name: str, word: str) -> Any:
    matcher = reader.postings(name, word)
    # Leaving out each deleted document by itself makes reading twice as slow.
    return matcher.child if isinstance(matcher, WrappingMatcher) else matcher


class Scoring:
    """What scores are made of in one state of an index.

    Args:
        segments: the readers of all segments, each with what is kept of it.
        documents: how many there are, deleted ones too.
        average: how many words they have on average.
    """

    def __init__(self, segments: Sequence[tuple[Any, SegmentParts]], documents: int, average: float) -> None:
        self._segments = segments
        self.documents = documents
        self._average = average
        self._worths: dict[tuple[str, str], float] = {}

    def on(self, segments: Sequence[tuple[Any, SegmentParts]]) -> Scoring:
        """The scoring of other segments: words that were looked up are worth what they were.

        Args:
            segments: none, to outlive every reader.
        """
        other = Scoring(segments, self.documents, self._average)
        other._worths = dict(self._worths)
        return other

    def worth(self, name: str, word: str) -> float:
        """What a word adds to a score where it stands without end: the more, the fewer hold it."""
        found = self._worths.get((name, word))
        if found is None:
            holding = sum(kept.count(reader, name, word) for reader, kept in self._segments)
            found = (log(self.documents / (holding + 1)) + 1) * (_SATURATION + 1)
            self._worths[name, word] = found
        return found

    def damping(self, words: int) -> float:
        """How much the length of a text counts against each word in it."""
        return _SATURATION * (1 - _LENGTH + _LENGTH * words / self._average)


class Segment:
    """A segment that is open, for one query."""

    def __init__(self, reader: Any, kept: SegmentParts, scoring: Scoring, deadline: QueryDeadline) -> None:
        self._reader = reader
        self._kept = kept
        self._scoring = scoring
        self._deadline = deadline

    def find(self, query: WordQuery) -> Iterator[tuple[float, int]]:
        """The entries that fit, as scores and keys.

        Raises:
            SearchRefusedError: it takes too long, or too many words begin so.
        """
        self._deadline.check()
        conditions: list[_Condition] = []
        for clause in query.required:
            condition = self._condition(clause)
            if condition is None:
                return
            conditions.append(condition)
        conditions.sort(key=lambda one: one.size)
        excluded = [one for clause in query.excluded if (one := self._condition(clause))]
        first = conditions[0].numbers() if conditions else self._reader.all_doc_ids()
        # The rarest leads: what it names is looked for in the others. All that a word names holds it.
        others = conditions[1:] if conditions and isinstance(conditions[0], _Word) else conditions
        is_deleted = self._reader.is_deleted
        for count, number in enumerate(first):
            if count % _CHUNK == 0:
                self._deadline.check()
            for one in others:
                if not one.matches(number):
                    break
            else:
                entry = self._kept.numbers[number]
                if entry and not is_deleted(number) and not any(one.matches(number) for one in excluded):
                    damping = self._scoring.damping(entry & ((1 << _LENGTH_BITS) - 1))
                    yield sum([one.score(damping) for one in conditions]), key_of(entry)

    def _condition(self, clause: Clause) -> _Condition | None:
        """A clause on this segment; None where nothing there fulfils it."""
        name = clause.field or ANYWHERE
        if clause.match is Match.PREFIX:
            return self._beginning(name, clause.words[0])
        held = {}
        for word in clause.words:
            matcher = self._kept.postings(self._reader, name, word)
            if matcher is None:
                return None
            size = self._kept.count(self._reader, name, word)
            held[word] = _Word(matcher, size, self._scoring.worth(name, word))
        return _Phrase(clause.words, held) if len(clause.words) > 1 else held[clause.words[0]]

    def _beginning(self, name: str, begin: str) -> _Beginning | None:
        words = self._reader.expand_prefix(name, begin) if name in self._reader.schema else ()
        documents: set[int] = set()
        for count, word in enumerate(words):
            if count == MAX_EXPANSION:
                raise SearchRefusedError(
                    "search.prefix-too-common",
                    f"More than {MAX_EXPANSION} words begin with {begin!r}; give more letters of it.",
                )
            self._deadline.check()
            documents.update(_postings(self._reader, name, word).all_ids())
        return _Beginning(documents) if documents else None


class _Condition(Protocol):
    """A clause of a query on one segment, which is gone through once, in ascending order."""

    #: About how many documents fulfil it.
    size: int

    def numbers(self) -> Iterator[int]:
        """The documents that may fulfil it; it stands at each of them until the next is asked for."""

    def matches(self, number: int) -> bool:
        """Whether a document fulfils it."""

    def score(self, damping: float) -> float:
        """What the document is worth that it stands at."""


class _Word:
    """A word; ``worth`` is what it adds to a score where it stands without end."""

    def __init__(self, matcher: Any, size: int, worth: float) -> None:
        self.size = size
        self.matcher = matcher
        self._worth = worth

    def numbers(self) -> Iterator[int]:
        """See _Condition."""
        matcher = self.matcher
        while matcher.is_active():
            yield matcher.id()
            matcher.next()

    def matches(self, number: int) -> bool:
        """See _Condition."""
        matcher = self.matcher
        if matcher.is_active() and matcher.id() < number:
            matcher.skip_to(number)
        return matcher.is_active() and bool(matcher.id() == number)

    def score(self, damping: float) -> float:
        """See _Condition; Okapi BM25."""
        weight: float = self.matcher.weight()
        return self._worth * weight / (weight + damping)


class _Phrase:
    """Words that follow each other; each of them counts for the score."""

    def __init__(self, words: Sequence[str], held: dict[str, _Word]) -> None:
        self._words = words
        self._held = held
        self._by_size = sorted(held.values(), key=lambda one: one.size)
        self.size = self._by_size[0].size

    def numbers(self) -> Iterator[int]:
        """See _Condition."""
        return self._by_size[0].numbers()

    def matches(self, number: int) -> bool:
        """See _Condition."""
        if not all(one.matches(number) for one in self._by_size):
            return False
        places = {word: one.matcher.value_as("positions") for word, one in self._held.items()}
        starts = set(places[self._words[0]])
        for offset, word in enumerate(self._words[1:], 1):
            starts.intersection_update([place - offset for place in places[word]])
        return bool(starts)

    def score(self, damping: float) -> float:
        """See _Condition."""
        return sum(one.score(damping) for one in self._by_size)


class _Beginning:
    """Words that begin so; they have no weight."""

    def __init__(self, documents: set[int]) -> None:
        self._documents = documents
        self.size = len(documents)

    def numbers(self) -> Iterator[int]:
        """See _Condition."""
        return iter(sorted(self._documents))

    def matches(self, number: int) -> bool:
        """See _Condition."""
        return number in self._documents

    def score(self, damping: float) -> float:
        """See _Condition."""
        return 0.0


def number_of(entry_key: int, words: int) -> int:
    """What the column NUMBER holds of an entry.

    Args:
        words: how many it has.
    """
    return entry_key << _LENGTH_BITS | words


def key_of(number: int) -> int:
    """The key of the entry in a number of the column NUMBER."""
    return number >> _LENGTH_BITS
