"""What operators' commands about access share: who acts, times in words, errors as exit codes."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from marketplace.cli.database import open_database
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def actor() -> str:
    """Who runs the command, as the audit log calls it: ``cli:USER``."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "cli:unknown"


@contextmanager
def writing(config: Path | None, data: str | None) -> Iterator[Session]:
    """A transaction of the configured database; what access rules refuse ends the command."""
    with open_database(read_settings(config, data)) as database, _explained(), database.write() as session:
        yield session


@contextmanager
def reading(config: Path | None, data: str | None) -> Iterator[Session]:
    """A snapshot of the configured database."""
    with open_database(read_settings(config, data)) as database, _explained(), database.read() as session:
        yield session


@contextmanager
def _explained() -> Iterator[None]:
    from marketplace.accounts import errors

    codes = {
        errors.InvalidValueError: ExitCode.USAGE,
        errors.TokenNotFoundError: ExitCode.NOT_FOUND,
        errors.GroupNotFoundError: ExitCode.NOT_FOUND,
        errors.MemberNotFoundError: ExitCode.NOT_FOUND,
        errors.GroupTakenError: ExitCode.CONFLICT,
    }
    try:
        yield
    except errors.AccessError as error:
        raise CommandError(f"{error} [{error.code}]", codes.get(type(error), ExitCode.OTHER)) from None


def written(moment: datetime | None) -> str | None:
    """A time as the metadata format writes it."""
    from validators.document import format_time

    return None if moment is None else format_time(moment)
