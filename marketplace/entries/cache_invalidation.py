"""Removes entries from the cache that another process changed: by storing another one, or by erasing."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries.cache import EntryCache
from marketplace.models import ChangeRow, Entry, Erasure, Log, RenewalRow
from validators.document import Coordinates

#: Rows that came since the last look, or images that changed; of more everything is forgotten.
_MOST = 2000

_COORDINATES = select(Entry.identifier, Entry.email, Entry.created)
#: Of the entries that rows of the public log hold, and of those that its renewals are about.
_CAME = (
    _COORDINATES.join(ChangeRow, ChangeRow.entry_key == Entry.id)
    .join(Log, Log.id == ChangeRow.log_id)
    .where(Log.name == PUBLIC)
)
_RENEWED = (
    _COORDINATES.join(
        RenewalRow, and_(RenewalRow.identifier == Entry.identifier, RenewalRow.email == Entry.email)
    )
    .join(Log, Log.id == RenewalRow.log_id)
    .where(Log.name == PUBLIC)
    .distinct()
)


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
                    self._forget(session, _CAME.where(ChangeRow.sequence >= before.size))
                if now.renewals > before.renewals:
                    self._forget(session, _RENEWED.where(RenewalRow.number >= before.renewals))
        self._seen = now

    def _forget(self, session: Session, changed: Select[Any]) -> None:
        self._cache.forget_all([Coordinates(**row._mapping) for row in session.execute(changed)])
