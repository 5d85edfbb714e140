"""The list of current entries: pages, counts, and bodies in the same order."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from marketplace.entries.counts import AnswerCache, Lifetime
from marketplace.entries.filters import filters, order, searches
from marketplace.entries.query import EntryQuery
from marketplace.entries.records import EntryRow, StoredEntry
from marketplace.entries.rows import select_rows, to_row
from marketplace.entries.visibility import Scope
from marketplace.models import Change, Current, Entry, EntryBody
from marketplace.models.base import to_seconds
from marketplace.models.current import FOREVER
from validators.document import Coordinates

#: Bodies fetched at a time while streaming: about 64 x 6 kB in memory.
CHUNK = 64
#: Rows fetched by one statement: databases limit the parameters of a statement.
ROWS = 1000


class Listing:
    """Lists of what a scope sees as current, in one transaction."""

    def __init__(self, session: Session, scope: Scope, counts: AnswerCache[int]) -> None:
        self._session = session
        self._scope = scope
        self._counts = counts

    def page(self, query: EntryQuery) -> list[EntryRow]:
        """The rows of the query's window, in its order."""
        keys, rows = self.keys(query), dict[int, EntryRow]()
        for start in range(0, len(keys), ROWS):
            statement = select_rows(self._scope).where(Entry.id.in_(keys[start : start + ROWS]))
            rows |= {row[0]: to_row(row) for row in self._session.execute(statement)}
        return [rows[key] for key in keys]

    def keys(self, query: EntryQuery) -> list[int]:
        """Keys of the entries in the query's window, in its order."""
        return list(self._session.scalars(self._window(query)))

    def count(self, query: EntryQuery) -> int:
        """How many entries pass the query's filters and searches."""
        now = to_seconds(query.now)

        def compute() -> tuple[Lifetime, int]:
            found = self._session.scalar(self._matching(query, select(func.count()).select_from(Current)))
            return Lifetime(self._scope.sizes, now, self._next_expiry(now)), found or 0

        return self._counts.get((self._scope.keys, query.counted()), self._scope.sizes, now, compute)

    def bodies(self, keys: list[int]) -> Iterator[StoredEntry]:
        """The bodies of entries, in the order of their keys, a few in memory at a time."""
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            found = {
                key: StoredEntry(Coordinates(*where), entry_id, data)
                for key, entry_id, *where, data in self._session.execute(
                    select(
                        Entry.id,
                        Entry.entry_id,
                        Entry.identifier,
                        Entry.email,
                        Entry.created,
                        EntryBody.data,
                    )
                    .join(Change, Change.entry_key == Entry.id)
                    .join(EntryBody, EntryBody.id == Change.body_id)
                    .where(Entry.id.in_(chunk), self._scope.serves())
                )
            }
            yield from (found[key] for key in chunk)

    def _window(self, query: EntryQuery) -> Select[tuple[int]]:
        statement = self._matching(query, select(Current.entry_key)).order_by(*order(query))
        if query.limit is not None:
            statement = statement.limit(query.limit)
        elif query.offset:
            statement = statement.limit(FOREVER)  # SQLite has no offset without a limit
        return statement.offset(query.offset) if query.offset else statement

    def _matching(self, query: EntryQuery, statement: Select[tuple[int]]) -> Select[tuple[int]]:
        dialect = self._session.get_bind().dialect.name
        return statement.where(self._scope.current(), *filters(query), *searches(query, dialect))

    def _next_expiry(self, now: int) -> int:
        """The last second at which every entry still has the status it has now."""
        found = self._session.scalar(
            select(func.min(Current.valid_until)).where(
                self._scope.covers(Current.log_id), Current.valid_until >= now
            )
        )
        return FOREVER if found is None else found
