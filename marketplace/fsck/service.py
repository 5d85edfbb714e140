"""The checks of ``marketplace fsck``, in the order they run.

1. The database's own structure (SQLite checks its pages and foreign keys).
2. Every stored document is accepted again, to the entry id it is stored under.
3. Every column of it, of its certificate, locations and tags is what the document says.
4. Every log is dense from 0 to its counter, and each row's bytes belong to its entry.
5. What the list shows as current is what the log's entries make current.
6. No follower is ahead of its log.
7. What was published to other sites is made of the log's rows, up to the signed root.

It reads on one snapshot, so it can run beside a server. It judges only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.fsck.bodies import verify_bodies
from marketplace.fsck.current import verify_current
from marketplace.fsck.damage import Damage
from marketplace.fsck.logs import verify_cursors, verify_logs
from marketplace.fsck.trees import verify_trees
from marketplace.models import ChangeRow, EntryBody

__all__ = ["Damage", "FsckService", "Workload"]


@dataclass(frozen=True)
class Workload:
    """How much there is to check: stored documents, and rows of all logs."""

    documents: int
    changes: int


class FsckService:
    """Checks a database against itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def workload(self) -> Workload:
        """Count what a run will read."""
        with self._database.read() as session:
            documents = session.scalar(select(func.count()).select_from(EntryBody)) or 0
            changes = session.scalar(select(func.count()).select_from(ChangeRow)) or 0
            return Workload(documents, changes)

    def run(self, advance: Callable[[int], None] = lambda steps: None) -> Iterator[Damage]:
        """Every damage found; nothing is changed.

        Args:
            advance: called with the number of documents verified since its last call.
        """
        with self._database.read() as session:
            if self._database.dialect == "sqlite":
                yield from _verify_sqlite(session)
            yield from verify_bodies(session, advance)
            yield from verify_logs(session)
            yield from verify_current(session)
            yield from verify_cursors(session)
            yield from verify_trees(session)


def _verify_sqlite(session: Session) -> Iterator[Damage]:
    for (message,) in session.execute(text("PRAGMA integrity_check")):
        if message != "ok":
            yield Damage("database.integrity", "database", message)
    for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")):
        yield Damage("database.foreign-key", f"{table} row {row}", f"refers to no row of {parent}")
