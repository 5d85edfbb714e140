"""Databases of both kinds, one process of a site on each, and a receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.db import Database
from tests.contract.conftest import (
    database,
    database_url,
    empty_url,
    lent_url,
    sqlite_place,
    sqlite_template,
    sqlite_url,
)
from tests.fixtures_postgres import postgres_lending, postgres_server, postgres_template, postgres_url
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.rig import Rig

__all__ = [
    "database",
    "database_url",
    "empty_url",
    "lent_url",
    "postgres_lending",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "sqlite_place",
    "sqlite_template",
    "sqlite_url",
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    """A receiver that answers 204, and whose requests of earlier tests are forgotten."""
    shared.came.clear()
    shared.behaviours.clear()
    shared.always = None
    return shared


@pytest.fixture
def rig(database: Database, tmp_path: Path) -> Rig:
    return Rig(database, tmp_path)
