"""The embedded engine: Whoosh, pure Python, one directory a log."""

from __future__ import annotations

from dataclasses import astuple
from itertools import accumulate
from pathlib import Path
from typing import Any

import whoosh
from whoosh import fields, index
from whoosh.columns import NumericColumn
from whoosh.index import LockError
from whoosh.reading import SegmentReader

from marketplace.search import directory
from marketplace.search.document import SearchDocument, bounded
from marketplace.search.engine import START, Batch, EngineStats, Matches, Position
from marketplace.search.errors import IndexBrokenError, IndexBusyError, SearchError
from marketplace.search.whoosh_fields import Words
from marketplace.search.whoosh_matches import ANYWHERE, Evaluator, posting_cache
from marketplace.search.whoosh_segments import NUMBER
from marketplace.search.whoosh_snapshots import Snapshots
from marketplace.search.words import Field, WordQuery

#: Memory that the writer may hold before it spills to disk, in mebibytes.
WRITER_MIB = 64
#: How many times the title's words count where no field is named: a title says what an image is.
TITLE_WEIGHT = 3

#: A segment of fewer documents is small; so many small ones are merged, up to so many documents in one
#: commit. Whoosh's own policy merges tens of thousands at once: a minute, and gigabytes, in which nothing
#: that is uploaded is found. Merging these takes about as long as a commit may.
SMALL_SEGMENT, SMALL_SEGMENTS, MERGED_DOCUMENTS = 1000, 8, 2000
#: So many segments are too many files: then this many of the smallest become one, which takes some seconds,
#: once in ten thousand entries or so.
MOST_SEGMENTS, JOINED_SEGMENTS = 32, 8

_KEY = "key"
_POSITION = "position"
#: Key of the one document that is no entry: it holds the position, so both commit together.
_POSITION_KEY = "position"


class WhooshEngine:
    """Whoosh indexes under one directory."""

    name = "whoosh"

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, log: str) -> WhooshIndex:
        """Open or begin a log's index; see SearchEngine."""
        where = directory.directory_of(self._root, log)
        label = directory.Label(self.name, whoosh.versionstring(), log)
        if not directory.is_made(where):
            where.mkdir(parents=True, exist_ok=True)
            with _Broken(where):
                index.create_in(str(where), _schema())
            directory.write_label(where, label)
        directory.verify_label(where, label)
        with _Broken(where):
            opened = WhooshIndex(where, index.open_dir(str(where)))
        opened.verify()
        return opened

    def destroy(self, log: str) -> None:
        """Remove a log's index; see SearchEngine."""
        directory.remove(directory.directory_of(self._root, log))


class WhooshIndex:
    """A Whoosh index; see SearchIndex."""

    def __init__(self, where: Path, opened: Any) -> None:
        self._where = where
        self._index = opened
        self._snapshots = Snapshots(opened, _position_in)
        #: Outlives commits, because segments do.
        self.remembered = posting_cache()

    def verify(self) -> None:
        """Read a little of every part, so that damage shows at start and not in a search.

        Raises:
            IndexBrokenError: it cannot be read.
        """
        directory.verify_sizes(self._where, self._index.latest_generation())
        with _Broken(self._where), self._snapshots.lent() as snapshot:
            snapshot.verify()

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with _Broken(self._where), self._snapshots.lent() as snapshot:
            return snapshot.position

    def apply(self, batch: Batch) -> None:
        """Commit a batch; see SearchIndex."""
        with _Broken(self._where):
            try:
                # Files put together into one are copied into memory by every reader of them.
                writer = self._index.writer(limitmb=WRITER_MIB, compound=False)
            except LockError:
                raise IndexBusyError(f"another process writes {self._where}") from None
            try:
                _write(writer, batch)
                writer.commit(mergetype=_merge_small)
            except BaseException:  # also when interrupted: no lock stays
                if not writer.is_closed:
                    writer.cancel()
                raise
            directory.write_sizes(self._where, self._index.latest_generation())

    def match(self, query: WordQuery) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        with _Broken(self._where):
            # Most indexes are a group's and small: finding out what is known already takes most of the time.
            snapshot = self._snapshots.lend()
            try:
                known = snapshot.answers.find(query)
                if known is None:
                    known = Evaluator(snapshot, self.remembered).answer(query)
                    snapshot.answers.keep(query, known)
                return known
            finally:
                self._snapshots.take_back(snapshot)

    def forget_words(self) -> None:
        """Forget what was read of words, as a process that just started knows none of it."""
        with _Broken(self._where):
            self.remembered.clear()
            self._snapshots.newest().answers.clear()

    def stats(self) -> EngineStats:
        """Its size; see SearchIndex."""
        with _Broken(self._where), self._snapshots.lent() as snapshot:
            return EngineStats(len(snapshot.everything), directory.size_of(self._where))

    def close(self) -> None:
        """Close the segments."""
        self._snapshots.close()


def _position_in(reader: Any) -> Position:
    if (_KEY, _POSITION_KEY) not in reader:
        return START
    for number in reader.postings(_KEY, _POSITION_KEY).all_ids():
        return Position(*reader.stored_fields(number)[_POSITION])
    return START


def _schema() -> fields.Schema:
    return fields.Schema(
        **{_KEY: fields.ID(unique=True), NUMBER: fields.COLUMN(NumericColumn("q")), _POSITION: fields.STORED},
        **{name: Words() for name in (ANYWHERE, *(field.value for field in Field))},
    )


def _merge_small(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's hook for merging: puts some segments into the one being written and returns the others."""
    by_size = sorted(segments, key=lambda segment: segment.doc_count_all())
    merged = by_size[:JOINED_SEGMENTS] if len(segments) >= MOST_SEGMENTS else _small(by_size)
    for segment in merged:
        reader = SegmentReader(writer.storage, writer.schema, segment)
        writer.add_reader(reader)
        reader.close()
    return [segment for segment in segments if segment not in merged]


def _small(by_size: list[Any]) -> list[Any]:
    """The segments to merge while there are few: the smallest that one commit takes."""
    small = [segment for segment in by_size if segment.doc_count_all() < SMALL_SEGMENT]
    sums = accumulate(segment.doc_count_all() for segment in small)
    fitting = [segment for segment, total in zip(small, sums, strict=True) if total <= MERGED_DOCUMENTS]
    return fitting if len(small) >= SMALL_SEGMENTS else []


def _write(writer: Any, batch: Batch) -> None:
    keys = [*(str(key) for key in batch.forgotten), *(str(one.entry_key) for one in batch.documents)]
    with writer.reader() as reader:
        for key in [*keys, _POSITION_KEY]:
            if (_KEY, key) in reader:
                for number in list(reader.postings(_KEY, key).all_ids()):
                    writer.delete_document(number)
    for document in batch.documents:
        writer.add_document(**_values(document))
    position = astuple(batch.position)
    writer.add_document(**{_KEY: _POSITION_KEY, _POSITION: position, NUMBER: 0})


def _values(document: SearchDocument) -> dict[str, Any]:
    by_field = document.field_words()
    anywhere = by_field[Field.TITLE] * TITLE_WEIGHT
    anywhere += [run for field, runs in by_field.items() if field is not Field.TITLE for run in runs]
    values: dict[str, Any] = {field.value: runs for field, runs in by_field.items() if runs}
    values[ANYWHERE] = bounded(anywhere + document.other_words())
    return values | {_KEY: str(document.entry_key), NUMBER: document.entry_key}


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
