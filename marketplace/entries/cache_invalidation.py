"""Removes entries from the cache that another process changed: by storing another one, or by erasing."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries.cache import EntryCache
from marketplace.models import ChangeRow, Entry, Erasure, Log
from validators.document import Coordinates

#: Rows that came since the last look; of more everything is forgotten.
_MOST = 2000


class CacheInvalidation:
    """Looks at what was stored since the last look, whoever stored it.

    Args:
        cache: public entries by coordinates that no other entry has: a new one may take them.
    """

    def __init__(self, database: Database, cache: EntryCache) -> None:
        self._database = database
        self._cache = cache
        #: Size and revision of the public log, and erased entries, as they were at the last look.
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> None:
        """Forget what may be shown otherwise by now.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        with self._database.read() as session:
            logs = ChangeLog(session)
            erased = session.scalar(select(func.count()).select_from(Erasure)) or 0
            now = logs.size(PUBLIC), logs.revision(PUBLIC), erased
            before = self._seen
            if before is None or before[1:] != now[1:] or not 0 <= now[0] - before[0] <= _MOST:
                # Before the first look nothing can have been remembered too long.
                self._cache.forget_everything()
            elif now[0] > before[0]:
                self._cache.forget_all(_came(session, before[0]))
        self._seen = now


def _came(session: Session, since: int) -> list[Coordinates]:
    rows = session.execute(
        select(Entry.identifier, Entry.email, Entry.created)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(Log.name == PUBLIC, ChangeRow.sequence >= since)
    )
    return [Coordinates(**row._mapping) for row in rows]
