"""Repairs an index that turns out broken while it is asked."""

from __future__ import annotations

from typing import NoReturn

from marketplace.search.engine import SearchIndex
from marketplace.search.errors import IndexBrokenError, SearchUnavailableError
from marketplace.search.indexer import SearchIndexer

#: Seconds after which asking again makes sense while an index is built.
RETRY_AFTER = 5


class IndexRepair:
    """The index of a log for a block; where it turns out broken it is built again, and the search put off.

    A class, because every search asks every log that its reader sees, and a generator takes longer.
    """

    __slots__ = ("_index", "_indexer", "_log")

    def __init__(self, indexer: SearchIndexer, log: str) -> None:
        self._indexer = indexer
        self._log = log
        self._index: SearchIndex | None = None

    def __enter__(self) -> SearchIndex:
        try:
            self._index = self._indexer.indexes.get(self._log)
        except IndexBrokenError as broken:
            self._mend(broken)
        return self._index

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, IndexBrokenError):
            self._mend(error)

    def _mend(self, broken: IndexBrokenError) -> NoReturn:
        self._indexer.mend(self._log, self._index, str(broken))
        raise SearchUnavailableError(
            "The search index was damaged and is being built again.", RETRY_AFTER
        ) from broken
