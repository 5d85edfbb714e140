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
    PostgresServer,
    drop_schemas,
    postgres_lending,
    postgres_server,
    postgres_template,
    postgres_url,
)

#: Its assertions say what differed, like those in tests.
pytest.register_assert_rewrite("tests.contract.entry_store")

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


@pytest.fixture
def sqlite_url(sqlite_place: Path, sqlite_template: Path) -> str:
    """The URL of an SQLite database with the newest schema and nothing in it."""
    for path in sqlite_place.parent.iterdir():
        path.unlink()
    shutil.copy(sqlite_template, sqlite_place)
    return f"sqlite:///{sqlite_place}"


@pytest.fixture
def lent_url(postgres_lending: Lending) -> Iterator[str]:
    """The URL of a PostgreSQL database with the newest schema and nothing in it."""
    with postgres_lending.lend() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with the newest schema and nothing in it."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "lent_url"))


@pytest.fixture(scope="session")
def index_place(postgres_server: PostgresServer) -> str:
    """The URL of a PostgreSQL database for indexes of searches, made once for each process."""
    return postgres_server.create_database()


@pytest.fixture
def index_url(index_place: str) -> str:
    """The URL of a PostgreSQL database with nothing in it."""
    drop_schemas(index_place)
    return index_place


@cache
def _opened(url: str) -> Database:
    return Database.open(url)


class _Again(Database):
    """A database whose connections to a server wait for the next test: a new one has everything to learn."""

    def close(self) -> None:
        if self.dialect == "sqlite":
            super().close()


def open_again(url: str) -> Database:
    """Open a database. Statements that earlier tests ran on it need not be compiled again."""
    opened = _opened(url)
    # Engines of their own as far as listeners go.
    return _Again(opened.engine.execution_options(), opened._reader.execution_options())


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database, opened."""
    database = open_again(database_url)
    yield database
    database.close()
