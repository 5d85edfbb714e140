"""Entries in memory, and what other processes store meanwhile."""

from __future__ import annotations

from sqlalchemy import insert, select

from marketplace.db import Database
from marketplace.entries.cache import EntryCache, RememberedEntry
from marketplace.entries.cache_invalidation import CacheInvalidation
from marketplace.models import Entry, Erasure
from tests.contract.search_store import add, empty, entry
from tests.factories.entries import moment


def test_memory_forgets_what_may_be_shown_otherwise_and_nothing_else(database: Database) -> None:
    empty(database)
    contested, kept = entry("one", 1), entry("two", 2)
    add(database, [contested, kept])
    cache = EntryCache(1_000_000)
    watch = CacheInvalidation(database, cache)
    watch.look()
    for one in (contested, kept):
        cache.remember(one.coordinates.path(), RememberedEntry.of(one.data), cache.generation())
    watch.look()
    assert cache.size()[0] == 2, "nothing happened"

    add(database, [entry("one", 1, title="another one at these coordinates")])
    watch.look()
    assert cache.find(contested.coordinates.path()) is None
    assert cache.find(kept.coordinates.path()) is not None

    with database.write() as session:
        key = session.scalars(select(Entry.id).where(Entry.entry_id == kept.entry_id)).one()
        digests = dict.fromkeys(("place", "series", "line", "statement"), "0" * 64)
        gone = {"entry_key": key, "trusted": False, "created": moment(2), "erased_at": moment(3)}
        session.execute(insert(Erasure).values(**digests, **gone, reason="asked"))
    watch.look()
    assert cache.find(kept.coordinates.path()) is None
