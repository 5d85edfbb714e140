"""Databases of both kinds, and a mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
from tests.functional.running import RunningServer, running_server
from tests.mail.server import MailServer, mail_server

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


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    """A kind server without accounts or encryption."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for a module, which sends no mail."""
    with running_server(tmp_path_factory.mktemp("silent"), query_enabled="false") as running:
        yield running
