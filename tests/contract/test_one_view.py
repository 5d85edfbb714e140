"""A search answers from one picture of the catalogue, whatever is uploaded and listed meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.access import ANONYMOUS, Principal, group_log
from marketplace.catalogue import Catalogue, Filters
from marketplace.catalogue.order import Rank, SortKey
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.rules.columns import Direction
from marketplace.rules.visibility import find_scope
from marketplace.search import service
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from marketplace.search.whoosh_engine import WhooshEngine
from marketplace.worker import catch_up
from tests.contract.search_store import GROUP, NOW, add, empty, entry

IMAGES = 40


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    empty(database)
    images = [entry(n, title="word", description="filler " * (n + 1), tags=(f"t{n}",)) for n in range(IMAGES)]
    add(database, images)
    return Catalogue()


@pytest.fixture
def indexer(database: Database, catalogue: Catalogue, tmp_path: Path) -> Iterator[SearchIndexer]:
    found = SearchIndexer.open(database, WhooshEngine(tmp_path / "index"))
    catch_up(database, found)
    yield found
    found.close()


def test_a_page_of_a_search_is_full_while_entries_are_superseded(
    database: Database, catalogue: Catalogue, indexer: SearchIndexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody uploads, and somebody else lists, in the middle of a search."""
    asked = SearchRequest(words="word", limit=IMAGES // 2)
    searches = SearchService(database, catalogue, indexer)
    quiet = searches.search(asked, ANONYMOUS, NOW)
    best = service._Search._best

    def disturbed(*given: Any) -> list[Rank]:
        add(database, [entry(n, 5, title="other") for n in range(IMAGES // 2)])
        listing = threading.Thread(target=searches.search, args=(SearchRequest(), ANONYMOUS, NOW))
        listing.start()
        listing.join()
        return best(*given)

    monkeypatch.setattr(service._Search, "_best", disturbed)
    moved = searches.search(asked, ANONYMOUS, NOW)
    assert [hit.row.entry_id for hit in moved.hits] == [hit.row.entry_id for hit in quiet.hits]
    assert (moved.total, moved.next_cursor) == (quiet.total, quiet.next_cursor)
    assert moved.next_cursor is not None


def test_a_view_says_the_same_until_nobody_looks_at_it_any_more(
    database: Database, catalogue: Catalogue
) -> None:
    def look_again() -> int:
        with database.read() as session:
            scope = find_scope(session, ANONYMOUS)
            with catalogue.look(session, scope) as view:
                return len(view.shown)

    with database.read() as session, catalogue.look(session, find_scope(session, ANONYMOUS)) as view:
        before = (
            view.walk(SortKey.CREATED, Direction.DESCENDING, view.shown, None, IMAGES),
            view.holding({"public": view.shown}),
        )
        add(database, [entry(n, 5, title="other", deprecated="bad") for n in range(IMAGES)])
        assert look_again() == IMAGES
        assert catalogue.size() == 2 * IMAGES
        assert before == (
            view.walk(SortKey.CREATED, Direction.DESCENDING, view.shown, None, IMAGES),
            view.holding({"public": view.shown}),
        )
        assert view.narrow(view.shown, Filters({}, created_from=0), 0) == view.shown
    look_again()
    assert catalogue.size() == IMAGES


def test_a_view_that_goes_on_from_an_earlier_one_says_what_a_new_one_says(database: Database) -> None:
    """Of a few images only is looked at what several logs say of them; the answer must be that of all."""
    empty(database)
    others = [group_log(name) for name in ("h", "i")]
    with database.write() as session:
        for log in others:
            ChangeLog(session).create(log)
    logs = (PUBLIC, GROUP, *others)
    member = Principal("member", frozenset(logs))
    chance, lasting = random.Random(5), Catalogue()
    told = set[int]()
    for second in range(60):
        said = {
            "email": f"e{chance.randrange(2)}@example.org",
            "deprecated": chance.choice((None, None, "bad")),
        }
        again = entry(chance.randrange(6), chance.choice((second, -second)), **said)
        for log in chance.sample(logs, chance.choice((1, 1, 1, 2))):
            add(database, [again], log)
        with database.read() as session:
            scope = find_scope(session, member)
            with lasting.look(session, scope) as view, Catalogue().look(session, scope) as anew:
                assert view.by_log(view.shown) == anew.by_log(anew.shown)
                told.add(len(view.shown))
    assert len(told) > 3
