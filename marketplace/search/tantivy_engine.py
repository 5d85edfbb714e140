"""The fast engine: tantivy, a native library, one directory a log. Needs the extra ``fast``."""

from __future__ import annotations

import json
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import tantivy
from tantivy import Occur, Query

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search.directory import Broken, DirectoryEngine, busy
from marketplace.search.document import SearchDocument
from marketplace.search.engine import (
    ANSWER_BYTES,
    START,
    CurrentKeys,
    IndexBatch,
    Matches,
    Position,
    Ranked,
)
from marketplace.search.words import Clause, Match, SearchField, WordQuery

#: Memory of the writer in bytes; it commits to disk what does not fit.
WRITER_BYTES = 64_000_000

_ANYWHERE = "anywhere"
_KEY = "key"
_POSITION = "position"
#: Key of the one document that is no entry: it holds the position, so both commit together.
_POSITION_KEY = 0
_TOKENIZER = "cut"


class TantivyEngine(DirectoryEngine["TantivyIndex"]):
    """Tantivy indexes under one directory."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "tantivy", version("tantivy"))

    def _create(self, where: Path) -> None:
        tantivy.Index(_schema(), path=str(where))

    def _open(self, where: Path) -> TantivyIndex:
        opened = TantivyIndex(where, tantivy.Index.open(str(where)))
        opened.position()
        return opened


#: When the file that lists the segments was written, and its number in the file system.
_Changed = tuple[int, int]


class _State(NamedTuple):
    """An index as a commit left it."""

    changed: _Changed
    searcher: Any
    position: Position


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
        self._state: _State | None = None
        #: By states of the index: who searches goes on to pages and filters.
        self._answers: BoundedCache[tuple[_Changed, WordQuery], Ranked] = BoundedCache(
            ANSWER_BYTES, Ranked.bytes
        )

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with Broken(self._where):
            return self._newest().position

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch; see SearchIndex."""
        with Broken(self._where):
            try:
                writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
            except ValueError as error:
                if "LockBusy" in str(error):
                    raise busy(self._where) from None
                raise
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
        with Broken(self._where):
            changed, searcher, position = self._newest()
            known = self._answers.find((changed, query))
            if known is None:
                hits = searcher.search(self._query(query), max(1, searcher.num_docs), count=False).hits
                keys = searcher.fast_field_values(_KEY, [address for _, address in hits])
                scores = (score for score, _ in hits)
                known = Ranked(zip(scores, keys, strict=True), whole=position.whole)
                self._answers.keep((changed, query), known)
            return known

    def close(self) -> None:
        """Nothing is held open that the garbage collector does not close."""

    def _newest(self) -> _State:
        """The newest state of the index: each commit writes the file anew."""
        file = (self._where / "meta.json").stat()
        changed = (file.st_mtime_ns, file.st_ino)
        with self._lock:
            if self._state is None or self._state.changed != changed:
                self._index.reload()
                searcher = self._index.searcher()
                hits = searcher.search(Query.term_query(self._schema, _KEY, _POSITION_KEY), 1).hits
                told = [json.loads(searcher.doc(address)[_POSITION][0]) for _, address in hits]
                self._state = _State(changed, searcher, Position(*told[0]) if told else START)
            return self._state

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
    # Each run is a value of its own: the library leaves a gap between values, so no phrase spans two.
    by_field = document.field_words()
    for name, runs in (*by_field.items(), (_ANYWHERE, document.all_words(by_field))):
        for run in runs:
            made.add_text(str(name), " ".join(run))
    return made
