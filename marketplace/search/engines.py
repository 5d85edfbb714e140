"""The engine that the settings choose, and its indexes beside a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.config import ConfigurationError, Settings
from marketplace.db import Database
from marketplace.search.engine import SearchEngine
from marketplace.search.indexer import ReadOnlyIndexer, SearchIndexer


def open_engine(settings: Settings, database: Database) -> SearchEngine | None:
    """The engine of the setting ``search.engine``; None where it is off.

    Raises:
        ConfigurationError: it needs what is not there.
    """
    directory = settings.data / "search"
    # Each engine is imported where it is chosen: nobody pays for the others' libraries.
    match settings.search.engine:
        case "off":
            return None
        case "whoosh":
            from marketplace.search.whoosh_engine import WhooshEngine

            return WhooshEngine(directory)
        case "tantivy":
            try:
                from marketplace.search.tantivy_engine import TantivyEngine
            except ImportError:
                raise ConfigurationError(
                    ["search.engine = tantivy needs the extra: pip install 'image-marketplace[fast]'"]
                ) from None
            return TantivyEngine(directory)
        case "postgresql":
            from marketplace.search.postgresql_engine import PostgresqlEngine

            if database.dialect != "postgresql":
                raise ConfigurationError(["search.engine = postgresql needs a PostgreSQL database.url"])
            return PostgresqlEngine(database)


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
    indexer = ReadOnlyIndexer(database, engine)
    try:
        yield indexer
    finally:
        indexer.close()
