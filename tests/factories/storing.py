"""Entries taken in within a test's own transaction, past the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, Provenance
from marketplace.ingest import IngestResult, IngestService, Item, Source, UploadPolicy
from marketplace.ingest.batch import Batch
from marketplace.models import Base
from validators.document import AcceptedEntry


def imports(
    entries: Iterable[AcceptedEntry], log: str = PUBLIC, claim: Provenance | None = None
) -> list[Item]:
    """Entries on their way into a log."""
    return [Item(entry, log, Source.IMPORT, provenance=claim) for entry in entries]


def import_entry(ingest: IngestService, data: bytes, log: str = PUBLIC) -> IngestResult:
    """Have a document stored without the gate, as from a directory of signed files."""
    (outcome,) = ingest.import_all([data], log)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def take_all(session: Session, items: Iterable[Item], now: datetime) -> list[IngestResult]:
    """Take entries in, as the last thing before the commit; raises what becomes of one that cannot be."""
    receipts = []
    for outcome in Batch(session, UploadPolicy(), now).take(list(items)):
        if isinstance(outcome, Exception):
            raise outcome
        receipts.append(outcome)
    return receipts


@dataclass(frozen=True)
class Beside:
    """What is recorded beside the entries of a page, nothing by default; see ``PageRecord``."""

    do: Callable[[Session, Sequence[IngestResult | Exception]], object] = lambda session, outcomes: None

    def write(self, session: Session, outcomes: Sequence[IngestResult | Exception]) -> None:
        self.do(session, outcomes)


def delete_all(session: Session) -> None:
    """Empty every table of the database."""
    connection = session.connection()
    cursor = connection.connection.cursor()
    for statement in _emptying(connection.dialect.name):
        cursor.execute(statement)


@cache
def _emptying(dialect: str) -> list[str]:
    """Statements that empty the tables, those that refer to others first; PostgreSQL takes all at once."""
    each = [f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables)]  # noqa: S608  # our own
    return [";".join(each)] if dialect == "postgresql" else each
