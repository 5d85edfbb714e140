"""The embedded engine: Whoosh, pure Python, one directory a log."""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import whoosh
from whoosh import index

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search import directory
from marketplace.search.answers import ANSWER_BYTES
from marketplace.search.engine import CurrentKeys, EngineStats, IndexBatch, Matches, Position
from marketplace.search.errors import IndexBrokenError, SearchError
from marketplace.search.whoosh_process import BatchWriter
from marketplace.search.whoosh_state import NOTHING, IndexContents, IndexState, ScoredAnswer
from marketplace.search.whoosh_writing import schema
from marketplace.search.words import WordQuery

#: Earlier states whose answers are gone on from: those of some minute in which uploads never pause.
_PAST = 64
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
        self._open: IndexState | None = None
        #: When the directory changed that was listed last, and the generation found.
        self._listed: tuple[int, int] | None = None
        self._answers: BoundedCache[tuple[int, WordQuery], ScoredAnswer] = BoundedCache(
            ANSWER_BYTES, ScoredAnswer.bytes
        )
        #: The newest states that were read, by their generations.
        self._past: dict[int, IndexContents] = {}

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

    def match(self, query: WordQuery, current: CurrentKeys) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        with _Broken(self._where):
            # What is known waits for nobody who reads.
            known = self._answers.find((self._generation(), query))
            if known is None:
                with self._lock:
                    state = self._newest()
                    key = state.generation, query
                    # Whoever waited for the lock may have waited for this very answer.
                    known = self._answers.find(key) or self._answer(state, query)
                self._answers.keep(key, known)
            return known.ranked

    def _answer(self, state: IndexState, query: WordQuery) -> ScoredAnswer:
        """An answer that goes on from the newest earlier one, where there is one."""
        for generation in reversed(self._past):
            known = self._answers.find((generation, query))
            if known is not None:
                if not state.is_like(known.scoring):
                    break
                return state.continued(query, known, self._past[generation])
        return state.answer(query)

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

    def _newest(self) -> IndexState:
        generation = self._generation()
        if self._open is None or self._open.generation != generation:
            before = self._past[next(reversed(self._past))] if self._past else NOTHING
            # Opened anew: a searcher that is refreshed keeps segments that are gone.
            searcher = self._index.searcher()
            try:
                fresh = IndexState(generation, searcher, before)
            except BaseException:  # also when interrupted: no searcher stays open
                searcher.close()
                raise
            self._close()
            self._open = fresh
            self._past[generation] = fresh.contents
            if len(self._past) > _PAST:
                del self._past[next(iter(self._past))]
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
