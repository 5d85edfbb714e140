"""The list of current entries: pages, counts, and bodies in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.catalogue import Catalogue, Filters
from marketplace.catalogue.order import SortKey
from marketplace.entries.conditions import holding, named
from marketplace.entries.lines import LineMemory
from marketplace.entries.ordering import Orders
from marketplace.entries.query import (
    EntryQuery,
    LocationFilter,
    StatusFilter,
    can_occur,
    words_of,
)
from marketplace.entries.records import EntryRow, StoredEntry
from marketplace.entries.twins import list_vouching
from marketplace.facets import Facet
from marketplace.models import ChangeRow, Entry, EntryBody
from marketplace.models.base import to_seconds
from marketplace.portions import NAMED, portions
from marketplace.rules.columns import Column
from marketplace.rules.visibility import VisibleLogs
from validators.document import Coordinates

#: Bodies fetched at a time while streaming: about 64 x 6 kB in memory.
CHUNK = 64
#: Places up to the end of a page for which the catalogue's order is walked, in which it stands still.
_IN_MEMORY = 2000


class Listing:
    """Lists of what a scope sees as current, in one transaction.

    Args:
        catalogue: says what matches, and in which order of time; the database says all other orders, and
            has the rows.
    """

    def __init__(
        self,
        session: Session,
        scope: VisibleLogs,
        catalogue: Catalogue,
        orders: Orders,
        lines: LineMemory,
    ) -> None:
        self._session = session
        self._scope = scope
        self._catalogue = catalogue
        self._orders = orders
        self._lines = lines

    def find(self, query: EntryQuery) -> BitMap:
        """Keys of the entries that pass the query's filters and searches."""
        with self._catalogue.look(self._session, self._scope) as view:
            found = view.narrow(view.shown, _filters(query), to_seconds(query.now))
        for statement in named(query, self._scope):
            found = found & BitMap(self._session.scalars(statement))
        for word in query.words():
            found = self._holding(None, word, found)
        for column, words in query.columns:
            for word in words_of(words):
                found = self._holding(column, word, found)
        return found

    def keys(self, query: EntryQuery, found: BitMap) -> list[int]:
        """Keys of the entries in the query's window, in its order; ``found`` is what ``find`` said."""
        total = len(found)
        end = total if query.limit is None else min(total, query.offset + query.limit)
        if query.offset >= end:
            return []
        if query.sort is Column.CREATED and end <= _IN_MEMORY:
            with self._catalogue.look(self._session, self._scope) as view:
                # What went meanwhile has no place any more.
                first = view.walk(SortKey.CREATED, query.direction, found & view.shown, None, end)
            return [place.entry_key for place in first[query.offset :]]
        ordered = self._orders.keys(
            self._session, self._scope, query.sort, query.direction, found, enough=end
        )
        return list(islice(ordered, query.offset, end))

    def page(self, query: EntryQuery, found: BitMap) -> list[EntryRow]:
        """The rows of the query's window, in its order; ``found`` is what ``find`` said."""
        keys = self.vouching_here(self.keys(query, found))
        lines = self._lines.find(self._session, self._scope, keys)
        # The catalogue may know of entries that came after this transaction began.
        return [lines[key].row for key in keys if key in lines]

    def bodies(self, keys: list[int]) -> Iterator[StoredEntry]:
        """The bodies of entries, in the order of their keys, a few in memory at a time."""
        for chunk in portions(keys, CHUNK):
            statement = (
                select(
                    Entry.id,
                    Entry.entry_id,
                    Entry.identifier,
                    Entry.email,
                    Entry.created,
                    EntryBody.data,
                )
                .join(ChangeRow, ChangeRow.entry_key == Entry.id)
                .join(EntryBody, EntryBody.id == ChangeRow.body_id)
                .where(Entry.id.in_(chunk), self._scope.serves())
            )
            rows = {
                key: StoredEntry(Coordinates(*where), entry_id, data)
                for key, entry_id, *where, data in self._session.execute(statement)
            }
            yield from (rows[key] for key in chunk if key in rows)

    def _holding(self, column: Column | None, word: str, among: BitMap) -> BitMap:
        if not can_occur(word):
            return BitMap()
        found, unsure = self._catalogue.find(column, word, among)
        if unsure:
            asked = list(unsure) if len(unsure) <= NAMED else None
            dialect = self._session.get_bind().dialect.name
            statement = holding(column, word, self._scope, dialect, asked)
            told = BitMap(self._session.scalars(statement)) & unsure
            if column is None:
                self._catalogue.note(word, unsure, told)
            found = found | told
        return found

    def vouching_here(self, keys: Sequence[int]) -> list[int]:
        """As ``list_vouching``, of entries that the catalogue has."""
        with self._catalogue.look(self._session, self._scope) as view:
            twins = view.with_twins(keys)
        return list_vouching(self._session, self._scope, keys, twins)


def _filters(query: EntryQuery) -> Filters:
    """Of a query: status, location, endorser and marks of trust."""
    chosen: dict[Facet, frozenset[str]] = {}
    if query.status is not StatusFilter.ALL:
        chosen[Facet.STATUS] = frozenset({query.status.value})
    if query.location is not LocationFilter.ALL:
        chosen[Facet.LOCATION] = frozenset({query.location.value})
    if query.email is not None:
        chosen[Facet.ENDORSER] = frozenset({query.email})
    if query.trust:
        chosen[Facet.TRUST] = frozenset(mark.value for mark in query.trust)
    return Filters(chosen)
