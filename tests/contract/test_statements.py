"""How often a list asks the database: a machine that serves it to several nodes has to answer all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyramid.request import Request
from pyramid.router import Router
from sqlalchemy import Engine, event

from marketplace import make_app
from marketplace.changes import PUBLIC
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.ingest.service import utc_now
from marketplace.runtime import Runtime, build
from marketplace.search.indexer import SearchIndexer
from marketplace.search.postgresql_engine import PostgresqlEngine
from tests.factories.entries import accepted
from tests.factories.storing import imports, take_all

#: What is asked, and how many statements it takes for whoever comes first, and for those who come after.
LISTS = {
    "/metadata?media=html": (2, 1),
    "/metadata?media=json&iDisplayLength=25&status=valid&location=web": (2, 1),
    "/?os=Debian": (2, 1),
    "/api/v1/entries?limit=20": (4, 1),
    "/api/v1/entries?limit=20&status=valid&os=Debian": (4, 1),
}
#: Besides: how far the index is. At first who has the word, and what they score; each between two statements
#: that limit it in time.
SEARCHES = {"/?q=image": (9, 2), "/api/v1/search?q=image&status=valid": (4, 2)}


def add(database: Database, *numbers: int) -> None:
    made = [
        accepted(n, title=f"Image {n}", os="Debian", tags=(f"t{n}",), locations=("http://x.org/a",))
        for n in numbers
    ]
    with database.write() as session:
        take_all(session, imports(made, PUBLIC), utc_now())


@pytest.fixture
def runtime(database_url: str, database: Database, tmp_path: Path) -> Iterator[Runtime]:
    add(database, *range(5))
    engine = "off"
    if database.dialect == "postgresql":
        engine = "postgresql"
        SearchIndexer.open(database, PostgresqlEngine(database)).rebuild(lambda log, done, size: None)
    settings = {"database.url": database_url, "data": str(tmp_path), "query.enabled": "false"}
    runtime = build(Settings.from_mapping({**settings, "search.engine": engine}))
    yield runtime
    runtime.close()


@pytest.fixture
def app(runtime: Runtime) -> Router:
    return make_app(runtime)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of this process while the block lasts."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement != "BEGIN":  # which PostgreSQL's driver sends by itself
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def ask(app: Router, path: str) -> tuple[bytes, list[str]]:
    with counted() as statements:
        answer = Request.blank(path).get_response(app)
    assert answer.status_int == 200, answer
    return answer.body, statements


def test_a_list_asks_as_little_as_it_can(app: Router, database: Database) -> None:
    ask(app, "/api/v1/entries?limit=1")  # reads the catalogue
    for number, (path, bounds) in enumerate(LISTS.items()):
        # What came since is shown, and what was known of lines before it does not count.
        add(database, 100 + number)
        ask(app, "/api/v1/entries?limit=1&os=none")  # has the catalogue know of it
        check(app, path, bounds)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_search_asks_as_little_as_it_can(app: Router) -> None:
    ask(app, "/api/v1/search?q=other")  # reads the catalogue, opens the index
    for path, bounds in SEARCHES.items():
        check(app, path, bounds)


def check(app: Router, path: str, bounds: tuple[int, int]) -> None:
    (first, statements), (again, fewer) = ask(app, path), ask(app, path)
    assert len(statements) <= bounds[0], (path, statements)
    assert len(fewer) <= bounds[1], (path, fewer)
    assert first == again and b"Image" in first
