"""The fast engine: tantivy, a native library, one directory a log. Needs the extra ``fast``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import tantivy
from tantivy import Occur, Query

from marketplace.search import directory
from marketplace.search.answers import Ranked, answer_cache
from marketplace.search.document import SearchDocument, bounded
from marketplace.search.engine import START, CurrentKeys, EngineStats, IndexBatch, Matches, Position
from marketplace.search.errors import IndexBrokenError, IndexBusyError, SearchError
from marketplace.search.words import Clause, Match, SearchField, WordQuery

#: Memory of the writer in bytes; it commits to disk what does not fit.
WRITER_BYTES = 64_000_000
#: How many times the title's words count where no field is named.
TITLE_WEIGHT = 3

_ANYWHERE = "anywhere"
_KEY = "key"
_POSITION = "position"
#: Key of the one document that is no entry: it holds the position, so both commit together.
_POSITION_KEY = 0
_TOKENIZER = "cut"


class TantivyEngine:
    """Tantivy indexes under one directory."""

    name = "tantivy"

    def __init__(self, root: Path) -> None:
        self._root = root

    def copy(self) -> str:
        """See SearchEngine."""
        return directory.copy_of(self._root)

    def open(self, log: str) -> TantivyIndex:
        """Open or begin a log's index; see SearchEngine."""
        where = directory.directory_of(self._root, log)
        label = directory.Label(self.name, version("tantivy"), log)
        if not directory.is_made(where):
            where.mkdir(parents=True, exist_ok=True)
            with _broken(where):
                tantivy.Index(_schema(), path=str(where))
            directory.write_label(where, label)
        directory.verify_label(where, label)
        with _broken(where):
            opened = TantivyIndex(where, tantivy.Index.open(str(where)))
            opened.position()
            return opened

    def destroy(self, log: str) -> None:
        """Remove a log's index; see SearchEngine."""
        directory.remove(directory.directory_of(self._root, log))


class TantivyIndex:
    """A tantivy index; see SearchIndex. Its searchers are snapshots that any thread may use."""

    def __init__(self, where: Path, opened: Any) -> None:
        self._where = where
        self._index = opened
        # Words are cut already; only the spaces we put between them are cut again.
        spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        opened.register_tokenizer(_TOKENIZER, spaces)
        self._schema = opened.schema
        self._lock = Lock()
        self._seen = (0, 0)
        #: The position, and of which state of the index: every search asks for it.
        self._known: tuple[tuple[int, int], Position] | None = None
        self._answers = answer_cache()

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with _broken(self._where):
            state, searcher = self._snapshot()
            known = self._known
            if known is not None and known[0] == state:
                return known[1]
            wanted = Query.term_query(self._schema, _KEY, _POSITION_KEY)
            hits = searcher.search(wanted, 1).hits
            if not hits:
                return START
            position = Position(*json.loads(searcher.doc(hits[0][1])[_POSITION][0]))
            self._known = state, position
            return position

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch; see SearchIndex."""
        with _broken(self._where):
            writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
            old = [_POSITION_KEY, *batch.forgotten, *(one.entry_key for one in batch.documents)]
            # Not by term: that one takes a Python integer for a signed number and finds nothing here.
            writer.delete_documents_by_query(Query.term_set_query(self._schema, _KEY, old))
            for document in batch.documents:
                writer.add_document(_document(document))
            position = tantivy.Document()
            position.add_unsigned(_KEY, _POSITION_KEY)
            position.add_text(_POSITION, json.dumps(astuple(batch.position)))
            writer.add_document(position)
            writer.commit()
            writer.wait_merging_threads()

    def match(self, query: WordQuery, current: CurrentKeys) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        whole = self.position().whole
        with _broken(self._where):
            state, searcher = self._snapshot()
            known = self._answers.find((state, query))
            if known is None:
                hits = searcher.search(self._query(query), max(1, searcher.num_docs), count=False).hits
                keys = searcher.fast_field_values(_KEY, [address for _, address in hits])
                known = Ranked([score for score, _ in hits], keys, whole=whole)
                self._answers.keep((state, query), known)
            return known

    def forget_words(self) -> None:
        """Forget answers, as a process that just started knows none."""
        self._answers.clear()

    def stats(self) -> EngineStats:
        """The size of the index; see SearchIndex."""
        with _broken(self._where):
            return EngineStats(max(0, self._snapshot()[1].num_docs - 1), directory.size_of(self._where))

    def close(self) -> None:
        """Nothing is held open that the garbage collector does not close."""

    def _snapshot(self) -> tuple[tuple[int, int], Any]:
        """The newest state of the index, with what tells it from others: each commit writes the file anew."""
        file = (self._where / "meta.json").stat()
        changed = (file.st_mtime_ns, file.st_ino)
        with self._lock:
            if changed != self._seen:
                self._index.reload()
                self._seen = changed
            return changed, self._index.searcher()

    def _query(self, query: WordQuery) -> Any:
        parts = [(Occur.Must, self._clause(clause)) for clause in query.required]
        parts = parts or [(Occur.Must, Query.const_score_query(Query.all_query(), 0.0))]
        excluded = [self._clause(clause) for clause in query.excluded]
        excluded.append(Query.term_query(self._schema, _KEY, _POSITION_KEY))
        return Query.boolean_query(parts + [(Occur.MustNot, one) for one in excluded])

    def _clause(self, clause: Clause) -> Any:
        field = str(clause.field or _ANYWHERE)
        if clause.match is Match.PREFIX:
            # The word is letters and digits only, so nothing in it means anything to the pattern.
            pattern = Query.regex_query(self._schema, field, f"{clause.words[0]}.*")
            return Query.const_score_query(pattern, 0.0)
        if len(clause.words) > 1:
            return Query.phrase_query(self._schema, field, list(clause.words))
        return Query.term_query(self._schema, field, clause.words[0])


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(_KEY, stored=False, indexed=True, fast=True)
    builder.add_text_field(_POSITION, stored=True, tokenizer_name="raw", index_option="basic")
    for name in (_ANYWHERE, *(field.value for field in SearchField)):
        builder.add_text_field(name, stored=False, tokenizer_name=_TOKENIZER, index_option="position")
    return builder.build()


def _document(document: SearchDocument) -> Any:
    made = tantivy.Document()
    made.add_unsigned(_KEY, document.entry_key)
    by_field = document.field_words()
    anywhere = by_field[SearchField.TITLE] * TITLE_WEIGHT
    for field, runs in by_field.items():
        # Each run is a value of its own: the library leaves a gap between values, so no phrase spans two.
        for run in runs:
            made.add_text(field.value, " ".join(run))
        if field is not SearchField.TITLE:
            anywhere += runs
    for run in bounded(anywhere + document.other_words()):
        made.add_text(_ANYWHERE, " ".join(run))
    return made


@contextmanager
def _broken(where: Path) -> Iterator[None]:
    """Turn whatever the library raises on a damaged or vanished index into one error."""
    try:
        yield
    except SearchError:
        raise
    except BaseException as error:
        # A panic of the native code is no Exception; everything else that is none goes its way.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if "LockBusy" in str(error):
            raise IndexBusyError(f"another process is writing {where}") from None
        raise IndexBrokenError(f"{where}: {type(error).__name__}: {error}") from error
