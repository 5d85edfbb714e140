"""The engines that the contract of search runs on, each made anew and empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.db import Database
from marketplace.search.engine import SearchEngine
from marketplace.search.whoosh_engine import WhooshEngine

NAMES = ("whoosh", "postgresql", "tantivy")


def make_engine(name: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[SearchEngine]:
    """An engine of the given name; skips with the reason where what it needs is absent."""
    if name == "whoosh":
        yield WhooshEngine(directory)
    elif name == "tantivy":
        pytest.importorskip("tantivy", reason="needs the extra 'fast'")
        from marketplace.search.tantivy_engine import TantivyEngine

        yield TantivyEngine(directory)
    else:
        from marketplace.search.postgresql_engine import PostgresqlEngine

        database = Database.open(request.getfixturevalue("postgres_url"))
        yield PostgresqlEngine(database)
        database.close()


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchEngine]:
    yield from make_engine(request.param, request, tmp_path / "search")
