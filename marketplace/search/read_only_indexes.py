"""Search indexes as a command reads them beside a running server: it never makes, mends or removes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from marketplace.config import Settings
from marketplace.db import Database
from marketplace.search.engine import SearchIndex
from marketplace.search.engines import open_engine
from marketplace.search.errors import SearchUnavailableError
from marketplace.search.indexer import SearchIndexer
from marketplace.search.indexes import Indexes

_AGAIN = "start the server, which builds it, or run `marketplace reindex`"
_RETRY_AFTER = 5


class _ExistingIndexes(Indexes):
    """Indexes that are there."""

    def get(self, log: str) -> SearchIndex:
        """A log's index.

        Raises:
            SearchUnavailableError: there is none.
            IndexBrokenError: it cannot be read.
        """
        if not self.engine.has(log):
            raise SearchUnavailableError(f"there is no search index of the log {log}: {_AGAIN}", _RETRY_AFTER)
        return super().get(log)


class _ReadOnlyIndexer(SearchIndexer):
    def mend(self, log: str, broken: SearchIndex | None, reason: str) -> NoReturn:
        """Leave a broken index to the server.

        Raises:
            SearchUnavailableError: always.
        """
        raise SearchUnavailableError(f"the search index cannot be read ({reason}): {_AGAIN}", _RETRY_AFTER)


@contextmanager
def open_indexes(settings: Settings, database: Database) -> Iterator[SearchIndexer | None]:
    """The indexes of a marketplace, for reading; None where it has none.

    Raises:
        ConfigurationError: the search engine asked for is not there.
    """
    engine = open_engine(settings, database)
    if engine is None:
        yield None
        return
    indexer = _ReadOnlyIndexer(database, _ExistingIndexes(engine))
    try:
        yield indexer
    finally:
        indexer.close()
