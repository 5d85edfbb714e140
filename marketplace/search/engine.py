"""What a full-text engine has to do. Two kinds of object: a store of indexes, and the index of one log.

Each log has an index of its own, so that nothing about an entry that a reader
may not see, not even how common its words are, moves an answer that the reader
gets. An index holds the current entries of its log and the position in the log
up to which it was made; both change together or not at all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import neg
from typing import NamedTuple, Protocol

from pyroaring import BitMap

from marketplace.search.document import SearchDocument
from marketplace.search.words import WordQuery

#: Bytes of answers that are remembered for an index; of one, and of each set and each entry in it, about.
ANSWER_BYTES = 16 * 2**20
_ANSWER, _SET, _ENTRY = 500, 200, 8
#: Raised when what is written into an index changes, so that older indexes are built again.
SCHEMA_VERSION = 5


@dataclass(frozen=True, slots=True)
class Position:
    """How far an index follows its log.

    Args:
        sequence: the sequence it wants next; 0 where it holds nothing.
        entry_id: id of the entry at ``sequence - 1``, empty at 0. An index
            whose position names another entry than the log has there was made
            of another log.
        whole: whether it ever held everything; one that is still being built
            for the first time would hide most entries.
    """

    sequence: int
    entry_id: str
    whole: bool


START = Position(0, "", False)


@dataclass(frozen=True, slots=True)
class IndexBatch:
    """What to change in one commit.

    Args:
        documents: to put in, replacing any of the same key.
        forgotten: entry keys to take out; unknown ones are fine.
        position: where the index stands afterwards.
    """

    documents: Sequence[SearchDocument]
    forgotten: Sequence[int]
    position: Position


class CurrentKeys(NamedTuple):
    """What the catalogue has as current in a log, by the keys of the entries.

    Args:
        since: while it is the same, no entry that went has come back.
    """

    keys: BitMap
    since: Hashable


class Equals(NamedTuple):
    """Entries that fit equally well. An engine knows nothing that could tell their order."""

    score: float
    keys: BitMap


class Matches(Protocol):
    """The answer to a query. It may be shared by several searches, and holds nothing open."""

    #: Keys of every entry that fits; treat them as frozen.
    keys: BitMap
    #: Whether the index ever held everything; see Position.
    whole: bool

    def best(self, among: BitMap, limit: int, last: float | None = None) -> list[Equals]:
        """The best-fitting entries among some of ``keys``, best first: as many sets as hold the limit.

        Args:
            last: the score at which the page before ended. The set of this score
                comes first, and the limit counts what is below it.
        """

    def score_of(self, entry_key: int) -> float | None:
        """The score that an entry has by now; None where it has none, or the one it always had.

        So pages go on where the last entry of the page before stands, and scores
        may shift between two pages without repeating or losing entries.
        """


class Ranked:
    """The answer of an engine that scores every entry that fits; see Matches. It never changes.

    Args:
        found: scores and keys.
        whole: whether the index had everything.
        before: an earlier answer to the same query; entries that it has keep their scores.
    """

    def __init__(
        self, found: Iterable[tuple[float, int]], *, whole: bool, before: Ranked | None = None
    ) -> None:
        # Made in each log that a reader sees, mostly of a few entries: sets are made when a page asks.
        self._equal: dict[float, array[int]] = {} if before is None else dict(before._equal)
        self.keys: BitMap = BitMap() if before is None else before.keys.copy()
        for score, keys in _by_score(found, self.keys).items():
            self._equal[score] = self._equal[score] + keys if score in self._equal else keys
            self.keys.update(keys)
        self._scores = sorted(self._equal, reverse=True)
        self.whole = whole

    def bytes(self) -> int:
        """Bytes of memory, about."""
        return _ANSWER + _SET * len(self._scores) + _ENTRY * len(self.keys)

    def best(self, among: BitMap, limit: int, last: float | None = None) -> list[Equals]:
        """The best-fitting entries among some; see Matches."""
        start = 0 if last is None else bisect_left(self._scores, -last, key=neg)
        listed: list[Equals] = []
        count = 0
        for score in islice(self._scores, start, None):
            if count >= limit:
                break
            if held := among & BitMap(self._equal[score]):
                listed.append(Equals(score, held))
                count += len(held) if score != last else 0
        return listed

    def score_of(self, entry_key: int) -> float | None:
        """The score that an entry has by now; see Matches."""
        if entry_key not in self.keys:
            return None
        return next(score for score, keys in self._equal.items() if entry_key in keys)


def _by_score(found: Iterable[tuple[float, int]], known: BitMap) -> dict[float, array[int]]:
    """The keys that are not known yet, by their scores."""
    fresh: defaultdict[float, array[int]] = defaultdict(partial(array, "I"))
    for score, key in found:
        if key not in known:
            fresh[score].append(key)
    return fresh


class SearchIndex(Protocol):
    """The index of one log. Reading is safe from any thread, also while one other writes."""

    def position(self) -> Position:
        """The row up to which the index follows the log.

        Raises:
            IndexBrokenError: it cannot be read.
        """

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch durably, whole or not at all.

        Raises:
            IndexBusyError: another living process writes this index.
            IndexBrokenError: it cannot be written.
        """

    def match(self, query: WordQuery, current: CurrentKeys) -> Matches:
        """Find the entries that fit.

        Args:
            current: those that the caller means; whether others are found does not matter.

        Raises:
            SearchRefusedError: answering would take too long.
            IndexBrokenError: it cannot be read.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class SearchEngine(Protocol):
    """Where the indexes are kept, one a log."""

    #: Name as in the setting ``search.engine``.
    name: str

    def copy(self) -> str:
        """What tells these indexes apart from others of the same database; empty where it has no others.

        Raises:
            OSError: the directory of the indexes cannot be used.
        """

    def has(self, log: str) -> bool:
        """Whether there is an index of a log, whatever state it is in."""

    def open(self, log: str) -> SearchIndex:
        """Open a log's index, a new and empty one where there is none.

        Raises:
            IndexBrokenError: there is one, and it is damaged, or another engine,
                another version of it or another schema made it.
        """

    def destroy(self, log: str) -> None:
        """Remove a log's index, whatever state it is in. Open objects of it are useless afterwards."""
