"""Every test of the contract runs on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from marketplace.db import Database, upgrade
from tests.fixtures_postgres import (
    Lending,
    postgres_lending,
    postgres_server,
    postgres_template,
    postgres_url,
)

__all__ = ["postgres_lending", "postgres_server", "postgres_template", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the newest schema, made once for each process."""
    path = tmp_path_factory.mktemp("template") / "store.sqlite"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the SQLite database of the test that runs lies."""
    return tmp_path_factory.mktemp("lent") / "store.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the newest schema and nothing in it."""
    if request.param == "sqlite":
        place: Path = request.getfixturevalue("sqlite_place")
        for path in place.parent.iterdir():
            path.unlink()
        shutil.copy(request.getfixturevalue("sqlite_template"), place)
        yield f"sqlite:///{place}"
        return
    lending: Lending = request.getfixturevalue("postgres_lending")
    with lending.lend() as url:
        yield url


@cache
def _opened(url: str) -> Database:
    return Database.open(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database, opened. Statements that earlier tests ran need not be compiled again."""
    opened = _opened(database_url)
    # Engines of their own as far as listeners go.
    database = Database(opened.engine.execution_options(), opened._reader.execution_options())
    yield database
    database.close()
