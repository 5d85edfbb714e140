"""The embedded engine: Whoosh, pure Python, one directory a log."""

from __future__ import annotations

import os
import time
from array import array
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice, repeat
from pathlib import Path
from threading import Lock
from typing import Any

import whoosh
from whoosh import index

from marketplace.search import directory
from marketplace.search.answers import Ranked, answer_cache
from marketplace.search.engine import START, EngineStats, IndexBatch, Matches, Position
from marketplace.search.errors import IndexBrokenError, SearchError
from marketplace.search.whoosh_process import BatchWriter
from marketplace.search.whoosh_reading import (
    ANYWHERE,
    QueryDeadline,
    Scoring,
    Segment,
    SegmentParts,
)
from marketplace.search.whoosh_writing import KEY, POSITION, POSITION_KEY, schema
from marketplace.search.words import WordQuery

#: Nanoseconds after which a directory's time of change is told apart from that of any later change.
_SETTLED = 2_000_000_000


class WhooshEngine:
    """Whoosh indexes under one directory."""

    name = "whoosh"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._writer = BatchWriter()

    def copy(self) -> str:
        """See SearchEngine."""
        return directory.copy_of(self._root)

    def open(self, log: str) -> WhooshIndex:
        """Open or begin a log's index; see SearchEngine."""
        where = directory.directory_of(self._root, log)
        label = directory.Label(self.name, whoosh.versionstring(), log)
        if not directory.is_made(where):
            where.mkdir(parents=True, exist_ok=True)
            with _Broken(where):
                index.create_in(str(where), schema())
            directory.write_label(where, label)
        directory.verify_label(where, label)
        with _Broken(where):
            opened = WhooshIndex(where, index.open_dir(str(where)), self._writer)
        opened.verify()
        return opened

    def destroy(self, log: str) -> None:
        """Remove a log's index; see SearchEngine."""
        directory.remove(directory.directory_of(self._root, log))


class _State:
    """An index as a commit left it, open.

    Args:
        known: what was kept of segments by their names; the same from one commit to the next.
    """

    def __init__(self, generation: int, searcher: Any, known: Mapping[str, SegmentParts]) -> None:
        self.generation = generation
        self.searcher = searcher
        stored = searcher.document(**{KEY: POSITION_KEY})
        self.position = Position(*stored[POSITION]) if stored else START
        self.segments: list[tuple[Any, SegmentParts]] = []
        self.kept: dict[str, SegmentParts] = {}
        for leaf, _ in searcher.leaf_searchers():
            reader = leaf.reader()
            if reader.doc_count_all():
                name = reader.segment().segment_id()
                self.kept[name] = known[name] if name in known else SegmentParts(reader)
                self.segments.append((reader, self.kept[name]))
        average = searcher.avg_field_length(ANYWHERE) or 1.0
        self._scoring = Scoring(self.segments, searcher.doc_count_all(), average)

    def answer(self, query: WordQuery) -> Ranked:
        """The entries that fit."""
        deadline = QueryDeadline()
        by_score: defaultdict[float, list[int]] = defaultdict(list)
        for reader, kept in self.segments:
            for score, key in Segment(reader, kept, self._scoring, deadline).find(query):
                by_score[score].append(key)
        scores, keys = array("d"), array("I")
        for score in sorted(by_score, reverse=True):
            scores.extend(repeat(score, len(by_score[score])))
            keys.extend(by_score[score])
        return Ranked(scores, keys, whole=self.position.whole)


class WhooshIndex:
    """A Whoosh index; see SearchIndex.

    Whoosh's readers seek in shared files, so one thread at a time reads; answers hold no file and are shared.
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
        self._answers = answer_cache()

    def verify(self) -> None:
        """Read a little of every part, so that damage shows at start and not in a search.

        Raises:
            IndexBrokenError: it cannot be read.
        """
        directory.verify_sizes(self._where, self._index.latest_generation())
        with _Broken(self._where), self._lock:
            for reader, _ in self._newest().segments:
                for name in reader.indexed_field_names():
                    for word in islice(reader.lexicon(name), 3):
                        next(reader.postings(name, word).all_ids(), None)

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with _Broken(self._where), self._lock:
            return self._newest().position

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch; see SearchIndex."""
        with _Broken(self._where):
            self._writer.write(self._index, self._where, batch)

    def match(self, query: WordQuery) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        with _Broken(self._where):
            # What is known waits for nobody who reads.
            known = self._answers.find((self._generation(), query))
            if known is None:
                with self._lock:
                    state = self._newest()
                    known = state.answer(query)
                self._answers.keep((state.generation, query), known)
            return known

    def forget_words(self) -> None:
        """Forget answers, as a process that just started knows none."""
        self._answers.clear()

    def stats(self) -> EngineStats:
        """The size of the index; see SearchIndex."""
        with _Broken(self._where), self._lock:
            documents = self._newest().searcher.doc_count()
            return EngineStats(max(0, documents - 1), directory.size_of(self._where))

    def close(self) -> None:
        """Close the segments, and end the process that writes; the next use opens and starts them again."""
        with self._lock:
            self._close()
        self._writer.close()

    def _newest(self) -> _State:
        generation = self._generation()
        if self._open is None or self._open.generation != generation:
            known = {} if self._open is None else self._open.kept
            # Opened anew: a searcher that is refreshed keeps segments that are gone.
            searcher = self._index.searcher()
            try:
                fresh = _State(generation, searcher, known)
            except BaseException:  # also when interrupted: no searcher stays open
                searcher.close()
                raise
            self._close()
            self._open = fresh
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


class _Broken:
    """Turns whatever Whoosh raises on a damaged or vanished index into one error.

    A class, because every search asks every log that its reader sees, and a generator takes longer.
    """

    __slots__ = ("_where",)

    def __init__(self, where: Path) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # Errors of struct, zlib, pickle and the OS, of assertions and look-ups were all seen.
        if isinstance(error, Exception) and not isinstance(error, SearchError):
            raise IndexBrokenError(f"{self._where}: {type(error).__name__}: {error}") from error
