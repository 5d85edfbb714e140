"""Removes entries from the cache that another process changed: by storing another one, or by erasing."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries.cache import EntryCache
from marketplace.models import ChangeRow, Entry, Erasure, Log, RenewalRow
from validators.document import Coordinates

#: Rows that came since the last look, or images that changed; of more everything is forgotten.
_MOST = 2000


class _Stand(NamedTuple):
    """A state of the public log, with how many entries were erased."""

    size: int
    renewals: int
    revision: int
    erased: int

    def leads_to(self, other: _Stand) -> bool:
        """Whether few rows and renewals make the other one of this one."""
        few = 0 <= other.size - self.size <= _MOST and 0 <= other.renewals - self.renewals <= _MOST
        return few and self[2:] == other[2:]


class CacheInvalidation:
    """Looks at what was stored since the last look, whoever stored it.

    Args:
        cache: public entries by coordinates that no other entry has: a new one may take them.
    """

    def __init__(self, database: Database, cache: EntryCache) -> None:
        self._database = database
        self._cache = cache
        #: The state at the last look.
        self._seen: _Stand | None = None

    def look(self) -> None:
        """Forget what may be shown otherwise by now.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        with self._database.read() as session:
            logs = ChangeLog(session)
            erased = session.scalar(select(func.count()).select_from(Erasure)) or 0
            now = _Stand(logs.size(PUBLIC), logs.renewals(PUBLIC), logs.revision(PUBLIC), erased)
            before = self._seen
            if before is None or not before.leads_to(now):
                # Before the first look nothing can have been remembered too long.
                self._cache.forget_everything()
            else:
                if now.size > before.size:
                    self._cache.forget_all(_came(session, before.size))
                if now.renewals > before.renewals:
                    self._cache.forget_all(_renewed(session, before.renewals))
        self._seen = now


def _came(session: Session, since: int) -> list[Coordinates]:
    rows = session.execute(
        select(Entry.identifier, Entry.email, Entry.created)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(Log.name == PUBLIC, ChangeRow.sequence >= since)
    )
    return [Coordinates(**row._mapping) for row in rows]


def _renewed(session: Session, since: int) -> list[Coordinates]:
    rows = session.execute(
        select(Entry.identifier, Entry.email, Entry.created)
        .join(RenewalRow, and_(RenewalRow.identifier == Entry.identifier, RenewalRow.email == Entry.email))
        .join(Log, Log.id == RenewalRow.log_id)
        .where(Log.name == PUBLIC, RenewalRow.number >= since)
        .distinct()
    )
    return [Coordinates(**row._mapping) for row in rows]
