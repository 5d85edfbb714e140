"""A store with a search index, which follows when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue.catalogue import Catalogue
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.search.directory import directory_of
from marketplace.search.engine import SearchEngine
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest
from marketplace.search.results import SearchPage
from marketplace.search.service import SearchService
from marketplace.worker import catch_up
from tests.contract.conftest import open_again
from tests.contract.search_engines import NAMES, make_engine
from tests.contract.search_store import NOW, empty


class Site:
    """A database, an engine over it, and the parts that a process would hold."""

    def __init__(self, database: Database, engine: SearchEngine, directory: Path) -> None:
        self.database = database
        self.engine = engine
        self.directory = directory_of(directory, PUBLIC)
        self.start()

    def start(self) -> None:
        self.indexer = SearchIndexer.open(self.database, self.engine)
        self.service = SearchService(self.database, Catalogue(), self.indexer)

    def follow(self) -> int:
        return catch_up(self.database, self.indexer)

    def search(self, words: str, principal: Principal = ANONYMOUS, **how: object) -> SearchPage:
        return self.service.search(SearchRequest(words=words, **how), principal, NOW)

    def titles(self, words: str, principal: Principal = ANONYMOUS, **how: object) -> list[str | None]:
        return [hit.row.title for hit in self.search(words, principal, **how).hits]


def make_site(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    url = request.getfixturevalue("lent_url" if name == "postgresql" else "sqlite_url")
    database = open_again(url)
    empty(database)
    engines = make_engine(name, request, tmp_path / "search")
    site = Site(database, next(engines), tmp_path / "search")
    yield site
    site.indexer.close()
    database.close()
    next(engines, None)


@pytest.fixture(params=NAMES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from make_site(request.param, request, tmp_path)
