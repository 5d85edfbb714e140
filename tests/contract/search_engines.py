"""The engines that the contract of search runs on, each made anew and empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.search.engine import SearchEngine
from marketplace.search.whoosh_engine import WhooshEngine, WhooshIndex
from tests.contract.conftest import open_again

NAMES = ("whoosh", "postgresql", "tantivy")


class Closing(WhooshEngine):
    """Remembers what it opened: an open Whoosh index has open files."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.opened: list[WhooshIndex] = []

    def open(self, log: str) -> WhooshIndex:
        self.opened.append(super().open(log))
        return self.opened[-1]


def make_engine(name: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[SearchEngine]:
    """An engine of the given name; skips with the reason where what it needs is absent."""
    if name == "whoosh":
        engine = Closing(directory)
        yield engine
        for index in engine.opened:
            index.close()
    elif name == "tantivy":
        pytest.importorskip("tantivy", reason="needs the extra 'fast'")
        from marketplace.search.tantivy_engine import TantivyEngine

        yield TantivyEngine(directory)
    else:
        from marketplace.search.postgresql_engine import PostgresqlEngine

        database = open_again(request.getfixturevalue("index_url"))
        yield PostgresqlEngine(database)
        database.close()


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchEngine]:
    yield from make_engine(request.param, request, tmp_path / "search")
