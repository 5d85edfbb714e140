"""What operators' commands share: who acts, transactions, times in words."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from marketplace.cli.database import open_database
from marketplace.cli.options import SettingsSource

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def actor() -> str:
    """Who runs the command, as the audit log calls it: ``cli:USER``."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "cli:unknown"


@contextmanager
def writing(source: SettingsSource) -> Iterator[Session]:
    """A transaction of the configured database."""
    with open_database(source.read()) as database, database.write() as session:
        yield session


@contextmanager
def reading(source: SettingsSource) -> Iterator[Session]:
    """A snapshot of the configured database."""
    with open_database(source.read()) as database, database.read() as session:
        yield session


def written(moment: datetime | None) -> str | None:
    """A time as the metadata format writes it."""
    from validators.document import format_time

    return None if moment is None else format_time(moment)
