"""Locks by name, so that reading what is there, judging it and writing is one step between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from sqlalchemy import Connection, text


def series_name(identifier: str, email: str) -> str:
    """The lock of all that an endorser says about an image."""
    return f"{identifier}/{email}"


def lock_names(connection: Connection, names: Collection[str]) -> None:
    """Hold locks until the end of the transaction; SQLite has one writer anyway.

    All are taken at once and in one order, so two transactions that do this once cannot wait for each other.
    """
    if connection.dialect.name != "postgresql":
        return
    keys = sorted(int.from_bytes(hashlib.sha256(n.encode()).digest()[:8], signed=True) for n in names)
    connection.execute(
        text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k"), {"keys": keys}
    )
