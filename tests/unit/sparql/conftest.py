"""Fixtures of the triple store's tests."""

from tests.fixtures_sparql import ingest, log_database

__all__ = ["ingest", "log_database"]
