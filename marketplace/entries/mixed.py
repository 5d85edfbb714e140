"""Lists over several logs: one large, the others small, as a public catalogue beside some groups' own.

The large log is asked as if it were alone, along its own indexes and with the
answers that are remembered of it for everybody. What the others add and hide is
computed once for each question while the logs stay as they are, and merged in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from marketplace.entries.counts import AnswerCache, Lifetime
from marketplace.entries.filters import bare, filters, searches, sorted_by, unindexed
from marketplace.entries.listing import ROWS, Found, Listing
from marketplace.entries.query import Direction, EntryQuery
from marketplace.entries.visibility import OTHER_CURRENT, Scope, is_better
from marketplace.models import Current
from marketplace.models.base import to_seconds

#: Entries of the smaller logs, and characters that are sorted by, beyond which the database does it all.
MOST_ROWS, MOST_CHARACTERS = 20_000, 1_000_000
#: Questions whose share of the smaller logs is remembered.
CAPACITY = 64

#: Where an entry stands in an ascending order: absent first, then by value, then by key.
Place = tuple[bool, str | datetime, int]


@dataclass(frozen=True, slots=True)
class Share:
    """What the smaller logs do to a list.

    Args:
        places: of their entries that it shows, ascending; None where they are too many to hold.
        hidden: keys of entries of the large log that it would show without them.
    """

    places: tuple[Place, ...] | None
    hidden: frozenset[int] = frozenset()


class MixedListing(Listing):
    """Lists of a scope of several logs, in one transaction."""

    def __init__(
        self, session: Session, scope: Scope, found: AnswerCache[Found], shares: AnswerCache[Share]
    ) -> None:
        super().__init__(session, scope, found)
        self._shares = shares
        large = max(scope.sizes, key=lambda log: log[1])
        self._large_key = large[0]
        self._large = Listing(session, Scope((large,)), found)
        self._small_keys = tuple(key for key in scope.keys if key != large[0])
        self._small_size = sum(size for key, size in scope.sizes if key != large[0])

    def count(self, query: EntryQuery) -> int:
        """How many entries pass the query's filters and searches."""
        share = self._share(query)
        if share.places is None:
            return super().count(query)
        return self._large.count(query) - len(share.hidden) + len(share.places)

    def keys(self, query: EntryQuery) -> list[int]:
        """Keys of the entries in the query's window, in its order."""
        share = self._share(query)
        if share.places is None:
            return super().keys(query)
        if not share.places and not share.hidden:
            return self._large.keys(query)
        if query.limit == 0:
            return []
        end = None if query.limit is None else query.offset + query.limit
        first = replace(query, offset=0, limit=None if end is None else end + len(share.hidden))
        large = [key for key in self._large.keys(first) if key not in share.hidden][:end]
        backwards = query.direction is Direction.DESCENDING
        small = share.places[::-1] if backwards else share.places
        merged = merge(self._places(large, query), small, reverse=backwards)
        return [key for _, _, key in islice(merged, query.offset, end)]

    def _share(self, query: EntryQuery) -> Share:
        if self._small_size > MOST_ROWS:
            return Share(None)
        now = to_seconds(query.now)

        def compute() -> tuple[Lifetime, Share]:
            return Lifetime(self._scope.sizes, now, self._next_expiry(now)), self._compute(query)

        judged = self._revision() if query.trust else 0
        question = (self._scope.keys, query.counted(), query.sort, judged)
        return self._shares.get(question, self._scope.sizes, now, compute)

    def _compute(self, query: EntryQuery) -> Share:
        # Both go from the rows of the small logs: nothing else may lead.
        rest = self._wrap(unindexed)
        conditions = [*filters(query, rest, rest), *searches(query, self._dialect)]
        shown = select(Current.entry_key, sorted_by(query.sort)).where(
            Current.log_id.in_(self._small_keys), self._scope.current(bare), *conditions
        )
        places = [_place(*row) for row in self._session.execute(shown)]
        if sum(len(value) for _, value, _ in places if isinstance(value, str)) > MOST_CHARACTERS:
            return Share(None)
        other = OTHER_CURRENT
        hidden = (
            select(Current.entry_key)
            .select_from(other)
            .join(
                Current,
                and_(
                    unindexed(Current.log_id) == self._large_key,
                    Current.identifier == other.identifier,
                    Current.email == other.email,
                ),
            )
            .where(other.log_id.in_(self._small_keys), is_better(other), *conditions)
        )
        return Share(tuple(sorted(places)), frozenset(self._session.scalars(hidden)))

    def _places(self, keys: list[int], query: EntryQuery) -> list[Place]:
        """The places of entries of the large log, in the order of their keys."""
        found: dict[int, Place] = {}
        for start in range(0, len(keys), ROWS):
            wanted = select(Current.entry_key, sorted_by(query.sort)).where(
                Current.log_id == self._large_key, Current.entry_key.in_(keys[start : start + ROWS])
            )
            found |= {key: _place(key, value) for key, value in self._session.execute(wanted)}
        return [found[key] for key in keys]


def _place(key: int, value: Any) -> Place:
    return value is not None, value if value is not None else "", key
