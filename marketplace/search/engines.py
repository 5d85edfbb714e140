"""The engine that the settings choose."""

from __future__ import annotations

from marketplace.config import ConfigurationError, Settings
from marketplace.db import Database
from marketplace.search.engine import SearchEngine


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
