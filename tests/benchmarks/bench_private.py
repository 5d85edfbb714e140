"""Lists and searches with the private entries of 50 groups mixed in, against the same site without them.

Readers: nobody in particular, who sees none of them; a member of one group; and
one of all 50, who sees every one. Each question is asked of both sites in turn.
Both have the same 50 groups, and the reader of both is the same member of them; at
the site without private entries the groups' logs are empty. Beside the page of a
list as it mostly is stand the ones that find least remembered: the first after an
upload, at the site with private entries to the public log and to a group in turn;
and a list and a search with words that nobody asked for before.

Times are those of the processor: nothing here waits for anything, and what other
programs do meanwhile is no part of the ratio.
"""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

from marketplace.access import ANONYMOUS, PUBLIC, Principal, group_log
from marketplace.catalogue.catalogue import Catalogue
from marketplace.changes import ChangeLog
from marketplace.config import Settings
from marketplace.db import Database, upgrade
from marketplace.entries import Column, Direction, EntryQuery, ListCaches, StatusFilter, VisibleEntries
from marketplace.facets import Facet
from marketplace.search.engines import open_engine
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.service import SearchService
from marketplace.search.whoosh_engine import WhooshIndex
from marketplace.worker import catch_up
from tests.benchmarks.bulk import NOW, PURPOSES, SYSTEMS, entries, fill
from tests.benchmarks.figures import Figure, percentile
from tests.factories.storing import imports, take_all

GROUPS = tuple(f"group{n}" for n in range(50))
#: Private entries for each public one.
SHARE = 0.1
GOAL = 1.3
PAGE = 20

READERS = {
    "nobody in particular": ANONYMOUS,
    "a member of one group": Principal("one", frozenset({PUBLIC, group_log(GROUPS[7])})),
    "a member of all 50": Principal("all", frozenset({PUBLIC, *map(group_log, GROUPS)})),
}


class Store:
    """A site's services without its server."""

    def __init__(self, directory: Path, size: int, private: int) -> None:
        directory.mkdir()
        url = f"sqlite:///{directory}/store.sqlite"
        upgrade(url)
        self.database = Database.open(url)
        fill(self.database, size)
        _fill_groups(self.database, size, private)
        # The made-up bodies are no XML, which the indexer would say of each.
        logging.getLogger("marketplace.search").setLevel(logging.CRITICAL)
        settings = Settings.from_mapping({"data": str(directory), "database.url": url})
        engine = open_engine(settings, self.database)
        if engine is None:
            raise RuntimeError("the default settings search words")
        self.indexer = SearchIndexer.open(self.database, engine)
        catch_up(self.database, self.indexer)
        catalogue, self.caches = Catalogue(), ListCaches()
        self.search = SearchService(self.database, catalogue, self.indexer)
        for one in (catalogue, self.caches.catalogue):
            one.warm_up(self.database)
        self._further = islice(entries(20 * size, seed=1), 2 * size, None)
        self._logs = cycle((PUBLIC, group_log(GROUPS[7])) if private else (PUBLIC,))

    def grow(self) -> None:
        """An upload: to the public log, or to a group in turn where groups have entries."""
        with self.database.write() as session:
            take_all(session, imports([next(self._further)], next(self._logs)), NOW)

    def close(self) -> None:
        """Let everything go."""
        self.indexer.close()
        self.database.close()


Question = Callable[[Store, Principal], object]


def run(size: int = 10_000, rounds: int = 40) -> list[Figure]:
    """Measure every reader and kind of question."""
    with tempfile.TemporaryDirectory(prefix="bench-private-") as name:
        stores = [Store(Path(name, "without"), size, 0), Store(Path(name, "with"), size, int(size * SHARE))]
        try:
            return list(_figures(stores, size, rounds))
        finally:
            for store in stores:
                store.close()


def _figures(stores: Sequence[Store], size: int, rounds: int) -> Iterator[Figure]:
    for kind, (prepare, draw) in _KINDS.items():
        for reader, principal in READERS.items():
            without, mixed = _times(stores, prepare, draw, principal, rounds)
            ratio = percentile(mixed, 0.5) / percentile(without, 0.5)
            yield Figure(
                f"{size} entries, {kind}, {reader}",
                f"p50 {percentile(mixed, 0.5):.2f} ms, p99 {percentile(mixed, 0.99):.2f} ms",
                f"without private entries: p50 {percentile(without, 0.5):.2f} ms",
                ratio,
                f"at most {GOAL} times",
                ratio <= GOAL,
            )


def _times(
    stores: Sequence[Store],
    prepare: Callable[[Store], None],
    draw: Callable[[random.Random], Question],
    principal: Principal,
    rounds: int,
) -> list[list[float]]:
    chance = random.Random(7)
    times: list[list[float]] = [[] for _ in stores]
    for number in range(rounds + 5):
        question = draw(chance)
        for store, taken in zip(stores, times, strict=True):
            prepare(store)
            started = time.process_time()
            question(store, principal)
            if number >= 5:
                taken.append((time.process_time() - started) * 1000)
    return times


def _list(query: EntryQuery) -> Question:
    def ask(store: Store, principal: Principal) -> object:
        with store.database.read() as session:
            return VisibleEntries(session, principal, store.caches).list(query)

    return ask


def _page(chance: random.Random) -> EntryQuery:
    return EntryQuery(
        now=NOW,
        status=chance.choice((StatusFilter.VALID, StatusFilter.ALL)),
        sort=chance.choice((Column.CREATED, Column.TITLE, Column.OS)),
        direction=chance.choice(list(Direction)),
        offset=chance.choice((0, 0, PAGE, 5 * PAGE)),
        limit=PAGE,
    )


def _words(chance: random.Random) -> EntryQuery:
    return replace(_page(chance), search=f"{chance.choice(SYSTEMS)} {chance.choice(PURPOSES)}")


def _search(request: SearchRequest) -> Question:
    return lambda store, principal: store.search.search(request, principal, NOW)


def _found(chance: random.Random) -> SearchRequest:
    chosen = {Facet.STATUS: ("valid",), Facet.OS: (chance.choice(SYSTEMS),)}
    words = f"{chance.choice(PURPOSES)} {chance.choice(('small', 'hardened', 'minimal'))}"
    return SearchRequest(words=words, chosen=chosen, limit=PAGE)


def _nothing(store: Store) -> None:
    """Ask at once."""


def _forget_words(store: Store) -> None:
    store.caches.catalogue._values.texts._decided.clear()


def _forget_answers(store: Store) -> None:
    for log in (PUBLIC, *map(group_log, GROUPS)):
        index = store.indexer.get(log)
        assert isinstance(index, WhooshIndex)
        index._answers.clear()


#: What goes before each question, and how to draw one.
_KINDS: dict[str, tuple[Callable[[Store], None], Callable[[random.Random], Question]]] = {
    "page of a list": (_nothing, lambda chance: _list(_page(chance))),
    "page of a list, first after an upload": (Store.grow, lambda chance: _list(_page(chance))),
    "list with words, asked first": (_forget_words, lambda chance: _list(_words(chance))),
    "list with facets": (
        _nothing,
        lambda chance: _search(
            SearchRequest(chosen={Facet.STATUS: ("valid",)}, sort=chance.choice((Sort.NEWEST, Sort.TITLE)))
        ),
    ),
    "search with words and facets": (_nothing, lambda chance: _search(_found(chance))),
    "search with words and facets, asked first": (_forget_answers, lambda chance: _search(_found(chance))),
}


def _fill_groups(database: Database, size: int, count: int) -> None:
    """Private entries, one in ten about a public image and newer than what is said of it there."""
    with database.write() as session:
        for group in GROUPS:
            ChangeLog(session).create(group_log(group))
    made = list(entries(size + count, seed=1))[:: max(1, size // max(1, count // 10))][: count // 10]
    newer = [
        replace(one, created=one.created + timedelta(days=30), entry_id=one.entry_id[::-1]) for one in made
    ]
    fresh = list(entries(size + count, seed=1))[size : size + count - len(newer)]
    both = newer + fresh
    for start in range(0, len(both), 500):
        with database.write() as session:
            take_all(
                session,
                [
                    item
                    for number, entry in enumerate(both[start : start + 500], start)
                    for item in imports([entry], group_log(GROUPS[number % len(GROUPS)]))
                ],
                NOW,
            )
