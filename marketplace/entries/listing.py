"""The list of current entries: pages, counts, and bodies in the same order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from marketplace.entries.counts import AnswerCache, Lifetime
from marketplace.entries.filters import (
    Wrap,
    bare,
    candidates,
    filters,
    names_few,
    order,
    searches,
    trigrams,
    unindexed,
)
from marketplace.entries.query import EntryQuery
from marketplace.entries.records import EntryRow, StoredEntry
from marketplace.entries.rows import select_rows, to_row
from marketplace.entries.visibility import Scope
from marketplace.models import Change, Current, Entry, EntryBody, TrustState
from marketplace.models.base import to_seconds
from marketplace.models.current import FOREVER, TRIGRAMS
from validators.document import Coordinates

#: Bodies fetched at a time while streaming: about 64 x 6 kB in memory.
CHUNK = 64
#: Most keys remembered of a search, in its order: its pages are then slices of them. 8 bytes a key.
KEPT = 5000
#: Rows fetched by one statement: databases limit the parameters of a statement.
ROWS = 1000
#: From this many candidates on, reading every row in the order it lies in is quicker.
MANY = 25_000
_HAS_TRIGRAMS = text("SELECT count(*) FROM sqlite_master WHERE name = :name").bindparams(name=TRIGRAMS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: how many entries, and which, in the query's order, where they are not too many."""

    matching: int
    keys: array[int] | None = None


class Listing:
    """Lists of what a scope sees as current, in one transaction."""

    def __init__(self, session: Session, scope: Scope, found: AnswerCache[Found]) -> None:
        self._session = session
        self._scope = scope
        self._found = found
        self._dialect = session.get_bind().dialect.name

    def page(self, query: EntryQuery) -> list[EntryRow]:
        """The rows of the query's window, in its order."""
        keys, rows = self.keys(query), dict[int, EntryRow]()
        for start in range(0, len(keys), ROWS):
            statement = select_rows(self._scope).where(Entry.id.in_(keys[start : start + ROWS]))
            rows |= {row[0]: to_row(row) for row in self._session.execute(statement)}
        return [rows[key] for key in keys]

    def keys(self, query: EntryQuery) -> list[int]:
        """Keys of the entries in the query's window, in its order."""
        found = self._find(query)
        if query.offset >= found.matching or query.limit == 0:
            return []
        if found.keys is not None:
            return list(found.keys[query.offset :][: query.limit])
        statement = self._window(query, found).order_by(*order(query)).offset(query.offset)
        # SQLite has no offset without a limit.
        return list(self._session.scalars(statement.limit(FOREVER if query.limit is None else query.limit)))

    def count(self, query: EntryQuery) -> int:
        """How many entries pass the query's filters and searches."""
        return self._find(query).matching

    def bodies(self, keys: list[int]) -> Iterator[StoredEntry]:
        """The bodies of entries, in the order of their keys, a few in memory at a time."""
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            statement = (
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
            found = {
                key: StoredEntry(Coordinates(*where), entry_id, data)
                for key, entry_id, *where, data in self._session.execute(statement)
            }
            yield from (found[key] for key in chunk)

    def _find(self, query: EntryQuery) -> Found:
        now = to_seconds(query.now)

        def compute() -> tuple[Lifetime, Found]:
            return Lifetime(self._scope.sizes, now, self._next_expiry(now)), self._search(query)

        # The order matters only where keys are remembered, and those are a search's.
        way = (query.sort, query.direction) if query.searches() else None
        # Verdicts change without the logs: a filter by them holds for as long as none does.
        judged = self._revision() if query.trust else 0
        question = (self._scope.keys, query.counted(), way, judged)
        return self._found.get(question, self._scope.sizes, now, compute)

    def _revision(self) -> int:
        return self._session.scalar(select(TrustState.revision)) or 0

    def _search(self, query: EntryQuery) -> Found:
        few = names_few(query)
        if not query.searches():
            state = unindexed if few else bare
            statement = self._select(query, select(func.count()).select_from(Current), bare, state, bare)
            return Found(self._session.scalar(statement) or 0)
        # Every row must be read: in the order they lie in, unless few of them have the name.
        rest = bare if few else unindexed
        looking = self._select(query, select(Current.entry_key), rest, unindexed, rest)
        match = None if few else self._narrowing(query)
        if match is not None:
            looking = looking.where(Current.id.in_(candidates(match)))
        keys = array("q", self._session.scalars(looking.order_by(*order(query, self._wrap(unindexed)))))
        return Found(len(keys), keys if len(keys) <= KEPT else None)

    def _narrowing(self, query: EntryQuery) -> str | None:
        """What to ask the trigram index, if there is one and it names few enough rows to be of use."""
        match = trigrams(query) if self._dialect == "sqlite" else None
        if match is None or not self._session.scalar(_HAS_TRIGRAMS):
            return None
        named = candidates(match).limit(MANY).subquery()
        found = self._session.scalar(select(func.count()).select_from(named)) or 0
        return match if found < MANY else None

    def _window(self, query: EntryQuery, found: Found) -> Select[tuple[int]]:
        """The entries of the whole list, by the cheaper of two ways.

        One walks along the order and drops what does not match until the window
        is full; the other collects what matches and sorts it.
        """
        keys = select(Current.entry_key)
        held = sum(size for _, size in self._scope.sizes)
        end = held if query.limit is None else query.offset + query.limit
        if end * held < found.matching**2:
            return self._select(query, keys, bare, unindexed, unindexed)
        return self._select(query, keys, bare, unindexed if names_few(query) else bare, bare)

    def _select(
        self, query: EntryQuery, statement: Select[tuple[int]], log: Wrap, state: Wrap, name: Wrap
    ) -> Select[tuple[int]]:
        return statement.where(
            self._scope.current(self._wrap(log)),
            *filters(query, self._wrap(state), self._wrap(name)),
            *searches(query, self._dialect),
        )

    def _wrap(self, wrap: Wrap) -> Wrap:
        # PostgreSQL knows how many rows a condition leaves and needs no advice.
        return wrap if self._dialect == "sqlite" else bare

    def _next_expiry(self, now: int) -> int:
        """The last second at which every entry still has the status it has now."""
        found = self._session.scalar(
            select(func.min(Current.valid_until)).where(
                self._scope.covers(Current.log_id), Current.valid_until >= now
            )
        )
        return FOREVER if found is None else found
