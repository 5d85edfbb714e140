"""Reading one segment of a Whoosh index: which entries hold a word, a phrase, or words that begin so.

Whoosh's own query objects score every posting of every word before anything is
known about filters. Here a condition becomes a set of entries, grouped by all
that a score depends on, and is read once for as long as the segment lives.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from typing import Any, NamedTuple

from pyroaring import BitMap
from whoosh.matching import WrappingMatcher

from marketplace.search.errors import SearchRefusedError

#: Column with the key of each document's entry, 0 for the one that is no entry.
NUMBER = "number"
#: Words that one prefix may stand for.
MAX_EXPANSION = 256
#: Postings that are read between two looks at the clock.
_CHUNK = 1024
#: A segment of so few documents is read as a whole when so many words of it were asked for, unless it has
#: more different ones than these. Most logs are a group's and small, and to find one word on disk takes
#: longer than everything else about it.
_SMALL, _ASKED, _MOST_WORDS = 64, 4, 3000

#: Document numbers and the weight of a word in each, in blocks.
_Weights = Sequence[tuple[Sequence[int], Sequence[float]]]


class Postings(NamedTuple):
    """The entries of a segment that fulfil a condition; treat it as frozen.

    Args:
        keys: all of them.
        alike: of a word or phrase, those that it makes equally good: by how many
            words their field has and how often it stands there.
    """

    keys: BitMap
    alike: Mapping[tuple[int, float], BitMap]


class Leaf:
    """One segment. It never changes, except that documents are marked deleted, which snapshots know.

    Its reader seeks in shared files, so one thread at a time reads, and holds the lock. Where it is
    whole in memory, words need no reading.
    """

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.name: str = reader.segment().segment_id()
        self.lock = RLock()
        #: Snapshots that are made of it.
        self.holders = 0
        column = reader.column_reader(NUMBER)
        #: The entry key of each document number.
        self.numbers = array("I", (column[number] for number in range(reader.doc_count_all())))
        #: All of them.
        self.keys = BitMap(self.numbers)
        self.keys.discard(0)
        #: How many words each field has in all documents together.
        self.words: dict[str, int] = {
            name: reader.field_length(name) for name in reader.indexed_field_names()
        }
        self._lengths: dict[str, array[int]] = {}
        self._asked = 0
        #: Every word of every field, once it was read as a whole.
        self._weights: dict[tuple[str, str], _Weights] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all its words are in memory."""
        return self._weights is not None

    def verify(self) -> None:
        """Touch the parts of the segment; raises whatever the damage raises."""
        for name in self.reader.indexed_field_names():
            for word in islice(self.reader.lexicon(name), 3):
                next(self.reader.postings(name, word).all_ids(), None)

    def word(self, name: str, word: str, check: Callable[[], None]) -> Postings:
        """The entries that hold a word in a field.

        Args:
            check: called now and then while reading; it may raise.
        """
        found: dict[tuple[int, float], list[int]] = {}
        numbers, lengths = self.numbers, self._lengths_of(name)
        for ids, weights in self._weights_of(name, word, check):
            for number, weight in zip(ids, weights, strict=True):
                found.setdefault((lengths[number], weight), []).append(numbers[number])
        return _postings(found)

    def beginning(self, name: str, begin: str, check: Callable[[], None]) -> Postings:
        """The entries that hold some word of a field which begins so.

        Raises:
            SearchRefusedError: more than MAX_EXPANSION words do.
        """
        numbers: set[int] = set()
        words = self.reader.expand_prefix(name, begin) if name in self.reader.schema else ()
        for count, word in enumerate(words):
            if count == MAX_EXPANSION:
                raise SearchRefusedError(
                    "search.prefix-too-common",
                    f"More than {MAX_EXPANSION} words begin with {begin!r}; give more letters of it.",
                )
            numbers.update(self._matcher(name, word).all_ids())
            check()
        return Postings(BitMap([self.numbers[number] for number in numbers]), {})

    def phrase(self, name: str, words: Sequence[str], check: Callable[[], None]) -> Postings:
        """The entries in which words follow each other in a field."""
        found: dict[tuple[int, float], list[int]] = {}
        if all((name, word) in self.reader for word in words):
            numbers, lengths = self.numbers, self._lengths_of(name)
            matchers = {word: self._matcher(name, word) for word in words}
            rarest = min(words, key=lambda word: self.reader.doc_frequency(name, word))
            for number in _numbers(matchers[rarest], check):
                if times := _times(matchers, words, number):
                    found.setdefault((lengths[number], float(times)), []).append(numbers[number])
        return _postings(found)

    def _weights_of(
        self, name: str, word: str, check: Callable[[], None]
    ) -> Iterable[tuple[Sequence[int], Sequence[float]]]:
        if self._weights is None and len(self.numbers) <= _SMALL:
            self._asked += 1
            if self._asked == _ASKED:
                self._read_whole(check)
        if self._weights is not None:
            return self._weights.get((name, word), ())
        return _blocks(self._matcher(name, word), check) if (name, word) in self.reader else ()

    def _read_whole(self, check: Callable[[], None]) -> None:
        terms = list(islice(self.reader.all_terms(), _MOST_WORDS + 1))
        if len(terms) <= _MOST_WORDS:
            named = [(name, text.decode()) for name, text in terms]
            for name in {name for name, _ in named}:
                self._lengths_of(name)
            self._weights = {term: tuple(_blocks(self._matcher(*term), check)) for term in named}

    def _matcher(self, name: str, word: str) -> Any:
        """Whoosh's postings of a word that is there, also of deleted documents."""
        matcher = self.reader.postings(name, word)
        # The wrapper that leaves deleted ones out makes reading twice as slow, and snapshots do so anyway.
        return matcher.child if isinstance(matcher, WrappingMatcher) else matcher

    def _lengths_of(self, name: str) -> array[int]:
        """How many words a field of each document has, as Whoosh rounds it."""
        known = self._lengths.get(name)
        if known is None:
            numbers = range(len(self.numbers))
            known = array("I", (self.reader.doc_field_length(number, name) or 0 for number in numbers))
            self._lengths[name] = known
        return known


def _blocks(matcher: Any, check: Callable[[], None]) -> Iterator[tuple[Sequence[int], Sequence[float]]]:
    """The document numbers of a word with its weight in each, as they stand in blocks on disk.

    Asking Whoosh for one after the other takes four times as long.
    """
    if not hasattr(matcher, "_next_block"):  # of so few documents that they are in the list of words
        for number in _numbers(matcher, check):
            yield (number,), (matcher.weight(),)
        return
    while matcher.is_active():
        check()
        matcher.id(), matcher.weight()  # reads the block
        yield matcher._ids, matcher._weights
        matcher._next_block()


def _numbers(matcher: Any, check: Callable[[], None]) -> Iterator[int]:
    """The document numbers of a word, while the matcher stands at each of them."""
    count = 0
    while matcher.is_active():
        if count % _CHUNK == 0:
            check()
        count += 1
        yield matcher.id()
        matcher.next()


def _times(matchers: Mapping[str, Any], words: Sequence[str], number: int) -> int:
    """How often the words follow each other in a document."""
    starts: set[int] | None = None
    places: dict[str, Sequence[int]] = {}
    for offset, word in enumerate(words):
        if word not in places:
            matcher = matchers[word]
            if matcher.is_active():
                matcher.skip_to(number)
            if not matcher.is_active() or matcher.id() != number:
                return 0
            places[word] = matcher.value_as("positions")
        here = {place - offset for place in places[word]}
        starts = here if starts is None else starts & here
        if not starts:
            return 0
    return len(starts or ())


def _postings(found: Mapping[tuple[int, float], Sequence[int]]) -> Postings:
    alike = {one: BitMap(keys) for one, keys in found.items()}
    return Postings(BitMap.union(*alike.values()) if alike else BitMap(), alike)
