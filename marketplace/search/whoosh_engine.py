"""The embedded engine: Whoosh, pure Python, one directory a log."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import whoosh
from whoosh import index

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search.directory import LABEL, Broken, DirectoryEngine, verify_sizes
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
from marketplace.search.whoosh_reading import Search, Segment
from marketplace.search.whoosh_writing import BatchWriter
from marketplace.search.words import WordQuery

#: Answers begin anew, with what words are worth, when the log grew by more than one in so many documents.
UNLIKE = 50


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


#: When the label of an index was written, and its number in the file system: each commit writes it anew.
_Changed = tuple[int, int]


class _State(NamedTuple):
    """An index as a commit left it; segments by their names."""

    changed: _Changed
    names: frozenset[str]
    position: Position
    segments: Mapping[str, Segment]


class _Answer(NamedTuple):
    """What fits a query, as of a commit.

    Args:
        names: of the segments that were looked through.
    """

    changed: _Changed
    names: frozenset[str]
    search: Search
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
        self._label = str(where / LABEL)
        self._searcher: Any = None
        #: The newest state that was read, by the searcher.
        self._state: _State | None = None
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
            if known is None or known.changed != self._changed():
                with self._lock:
                    state = self._newest()
                    # Whoever waited for the lock may have waited for this very answer.
                    known = self._answers.find(key)
                    if known is None or known.changed != state.changed:
                        known = self._answer(state, query, known)
                        self._answers.keep(key, known)
            return known.ranked

    def close(self) -> None:
        """Close the segments, and end the process that writes; the next use opens and starts them again."""
        with self._lock:
            self._close()
        self._writer.close()

    def _changed(self) -> _Changed:
        label = os.stat(self._label)  # noqa: PTH116 # asked of every log by every search
        return label.st_mtime_ns, label.st_ino

    def _newest(self) -> _State:
        changed = self._changed()
        if self._state is None or self._state.changed != changed:
            before = self._state.segments if self._state else {}
            self._close()
            # Opened anew: a searcher that is refreshed keeps segments that are gone.
            self._searcher = self._index.searcher()
            stored = self._searcher.document(**{KEY: POSITION_KEY})
            readers = [leaf.reader() for leaf, _ in self._searcher.leaf_searchers()]
            named = {reader.segment().segment_id(): reader for reader in readers if reader.doc_count_all()}
            segments = {name: Segment(reader, before.get(name)) for name, reader in named.items()}
            position = Position(*stored[POSITION]) if stored else START
            self._state = _State(changed, frozenset(segments), position, segments)
            if (position.sequence - self._begun) * UNLIKE > self._searcher.doc_count():
                self._answers.clear()
                self._begun = position.sequence
        return self._state

    def _answer(self, state: _State, query: WordQuery, known: _Answer | None) -> _Answer:
        """The entries that fit; only what came since is looked for where an earlier answer is known."""
        if known is None:
            average = self._searcher.avg_field_length(ANYWHERE) or 1.0
            search, fresh = Search(query, self._searcher.doc_count_all(), average), state.names
        else:
            search, fresh = known.search, state.names - known.names
        found = search.find([state.segments[name] for name in fresh], state.segments.values())
        ranked = Ranked(found, whole=state.position.whole, before=known and known.ranked)
        return _Answer(state.changed, state.names, search, ranked)

    def _close(self) -> None:
        self._state = None
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None
