"""What one process holds: the database, the way in, the followers, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import ListCaches
from marketplace.entries.cache import EntryCache
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.migrate import SchemaError, verify_schema


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running marketplace. ``start`` once, ``close`` at the end.

    Args:
        settings: the whole configuration.
        database: where entries and logs live.
        ingest: the one way in.
        entry_cache: immutable entries in memory.
        list_caches: what lists remember.
        now: the clock.
    """

    settings: Settings
    database: Database
    ingest: IngestService
    entry_cache: EntryCache
    list_caches: ListCaches = field(default_factory=ListCaches)
    now: Callable[[], datetime] = field(default=utc_now)

    def start(self) -> None:
        """Let the followers run."""

    def close(self) -> None:
        """Store what waits, stop the followers, let the database go. Later calls do nothing."""
        self.ingest.close()
        self.database.close()

    def faults(self) -> list[str]:
        """What keeps this process from doing its work, as codes; empty where nothing does."""
        try:
            with self.database.read() as session:
                verify_schema(session.connection())
        except SchemaError as error:
            return [error.code]
        except (SQLAlchemyError, OSError):
            return ["store.unreachable"]
        return []


def build(settings: Settings) -> Runtime:
    """Make the parts that the settings ask for; nothing runs yet but the ingest thread."""
    database = Database.open(settings.database_url)
    return Runtime(
        settings=settings,
        database=database,
        ingest=IngestService(database, UploadPolicy(legacy=settings.upload.legacy)),
        entry_cache=EntryCache(settings.cache.entry_bytes),
    )
