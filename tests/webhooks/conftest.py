"""Databases of both kinds."""

from __future__ import annotations

from tests.contract.conftest import database, database_url, empty_url, sqlite_template
from tests.fixtures_postgres import postgres_lending, postgres_server, postgres_template, postgres_url

__all__ = [
    "database",
    "database_url",
    "empty_url",
    "postgres_lending",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "sqlite_template",
]
