"""The embedded engine: Whoosh, pure Python, one directory a log."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable, Mapping
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import whoosh
from whoosh import index

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search.directory import Broken, DirectoryEngine, verify_sizes
from marketplace.search.engine import (
    ANSWER_BYTES,
    START,
    CurrentKeys,
    IndexBatch,
    Matches,
    Position,
    Ranked,
)
from marketplace.search.whoosh_fields import ANYWHERE, KEY, POSITION, POSITION_KEY, schema
from marketplace.search.whoosh_reading import Scoring, Search, Segment
from marketplace.search.whoosh_writing import BatchWriter
from marketplace.search.words import WordQuery

#: Answers begin anew, with what words are worth, when the log grew by more than one in so many documents.
UNLIKE = 50
#: Nanoseconds after which a directory's time of change is told apart from that of any later change.
_SETTLED = 2_000_000_000


class WhooshEngine(DirectoryEngine["WhooshIndex"]):
    """Whoosh indexes under one directory."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "whoosh", whoosh.versionstring())
        self._writer = BatchWriter()

    def _create(self, where: Path) -> None:
        index.create_in(str(where), schema())

    def _open(self, where: Path) -> WhooshIndex:
        opened = WhooshIndex(where, index.open_dir(str(where)), self._writer)
        opened.verify()
        return opened


class _State(NamedTuple):
    """An index as a commit left it, open.

    Args:
        segments: by their names.
        names: of the segments.
        average: words of an entry.
    """

    generation: int
    searcher: Any
    position: Position
    segments: Mapping[str, Segment]
    names: frozenset[str]
    average: float


class _Answer(NamedTuple):
    """What fits a query, as of a commit.

    Args:
        segments: names of those that were looked through.
    """

    generation: int
    segments: frozenset[str]
    scoring: Scoring
    ranked: Ranked


class WhooshIndex:
    """A Whoosh index; see SearchIndex.

    Whoosh's readers seek in shared files, so one thread at a time reads; answers hold no file and are shared.
    To score everything again after each commit would make searches wait beside uploads, and an entry's words
    never change: so an answer goes on from an earlier one, and only segments that are new are looked through.
    """

    def __init__(self, where: Path, opened: Any, writer: BatchWriter) -> None:
        self._where = where
        self._index = opened
        self._writer = writer
        self._lock = Lock()
        #: The newest state that was read.
        self._open: _State | None = None
        #: When the directory changed that was listed last, and the generation found.
        self._listed: tuple[int, int] | None = None
        #: By queries and states of the log, as entries that went come back with another state.
        self._answers: BoundedCache[tuple[WordQuery, Hashable], _Answer] = BoundedCache(
            ANSWER_BYTES, lambda answer: answer.ranked.bytes()
        )
        #: Where the index stood when the oldest answers were begun.
        self._begun = 0

    def verify(self) -> None:
        """Read a little of every part, so that damage shows at start and not in a search."""
        verify_sizes(self._where, self._index.latest_generation())
        with self._lock:
            for segment in self._newest().segments.values():
                for name in segment.reader.indexed_field_names():
                    for word in islice(segment.reader.lexicon(name), 3):
                        next(segment.reader.postings(name, word).all_ids(), None)

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with Broken(self._where), self._lock:
            return self._newest().position

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch; see SearchIndex."""
        with Broken(self._where):
            self._writer.write(self._index, self._where, batch)

    def match(self, query: WordQuery, current: CurrentKeys) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        key = query, current.since
        with Broken(self._where):
            # What is known waits for nobody who reads.
            known = self._answers.find(key)
            if known is None or known.generation != self._generation():
                with self._lock:
                    state = self._newest()
                    # Whoever waited for the lock may have waited for this very answer.
                    known = self._answers.find(key)
                    if known is None or known.generation != state.generation:
                        known = _answer(state, query, known)
                        self._answers.keep(key, known)
            return known.ranked

    def close(self) -> None:
        """Close the segments, and end the process that writes; the next use opens and starts them again."""
        with self._lock:
            self._close()
        self._writer.close()

    def _newest(self) -> _State:
        generation = self._generation()
        if self._open is None or self._open.generation != generation:
            # Opened anew: a searcher that is refreshed keeps segments that are gone.
            searcher = self._index.searcher()
            try:
                fresh = _read_state(generation, searcher, self._open.segments if self._open else {})
            except BaseException:  # also when interrupted: no searcher stays open
                searcher.close()
                raise
            self._close()
            self._open = fresh
            if (fresh.position.sequence - self._begun) * UNLIKE > searcher.doc_count():
                self._answers.clear()
                self._begun = fresh.position.sequence
        return self._open

    def _generation(self) -> int:
        """Of the newest commit; the directory is only listed again after something changed in it."""
        changed = os.stat(self._where).st_mtime_ns  # noqa: PTH116 # asked of every log by every search
        if self._listed is not None and self._listed[0] == changed:
            return self._listed[1]
        generation: int = self._index.latest_generation()
        # Until the time of the change is well past, another change may get the same one.
        self._listed = (changed, generation) if time.time_ns() - changed > _SETTLED else None
        return generation

    def _close(self) -> None:
        if self._open is not None:
            self._open.searcher.close()
            self._open = None


def _read_state(generation: int, searcher: Any, before: Mapping[str, Segment]) -> _State:
    stored = searcher.document(**{KEY: POSITION_KEY})
    readers = [leaf.reader() for leaf, _ in searcher.leaf_searchers()]
    named = {reader.segment().segment_id(): reader for reader in readers if reader.doc_count_all()}
    segments = {name: Segment(reader, before.get(name)) for name, reader in named.items()}
    position = Position(*stored[POSITION]) if stored else START
    average = searcher.avg_field_length(ANYWHERE) or 1.0
    return _State(generation, searcher, position, segments, frozenset(segments), average)


def _answer(state: _State, query: WordQuery, known: _Answer | None) -> _Answer:
    """The entries that fit; only what came since is looked for where an earlier answer is known."""
    if known is None:
        scoring, fresh = Scoring(state.searcher.doc_count_all(), state.average), state.names
    else:
        scoring, fresh = known.scoring, state.names - known.segments
    search = Search(query, scoring, state.segments)
    found = [one for name in fresh for one in search.find(name)]
    ranked = Ranked(found, whole=state.position.whole, before=known and known.ranked)
    return _Answer(state.generation, state.names, scoring, ranked)
