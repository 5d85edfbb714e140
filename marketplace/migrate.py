"""Schema migrations: where they lie, and how they run at start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

#: Any number that no other program uses on the same PostgreSQL database: "mkplace" in ASCII.
_UPGRADE_LOCK = 0x6D6B706C616365


class SchemaError(Exception):
    """The database's schema is not the one this version needs."""

    code = "store.schema"


def migrations_directory() -> Path:
    """The folder of the migrations: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "_alembic", package.parent / "alembic"):
        # The library of the same name may lie at the second place; it has no env.py of its own there.
        if (candidate / "env.py").is_file() and (candidate / "versions").is_dir():
            return candidate
    raise SchemaError(f"the migrations are missing beside {package}: install the package again")


def configuration() -> Config:
    """An alembic configuration that needs no ini file."""
    config = Config()
    # Percent signs would be taken for interpolation.
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    return config


def upgrade_engine(engine: Engine) -> None:
    """Run what is missing in one transaction; a second process waits and finds nothing to do."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The revision this version of the software needs."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise SchemaError("there are no migrations: install the package again")
    return head


def verify_schema(connection: Connection) -> None:
    """Check that the database is at this version's schema.

    Raises:
        SchemaError: it is not; the message says what to run.
    """
    found = current_revision(connection)
    if found != head_revision():
        state = "empty" if found is None else f"at revision {found}"
        raise SchemaError(
            f"the database is {state}, this version needs {head_revision()}: run `marketplace db upgrade`"
        )


def initialise_empty(engine: Engine) -> None:
    """Give an empty database its schema; one that has a schema, of any version, stays as it is.

    A new directory then needs no step before the first start. Migrating a database
    with entries in it stays a step that the operator takes, after a backup.
    """
    with engine.begin() as connection:
        empty = current_revision(connection) is None
    if empty:
        upgrade_engine(engine)


def object_filter(dialect: str) -> Callable[[Any, str | None, str, bool, Any], bool]:
    """What to compare of models and database: an index meant for one database counts only there."""

    def include(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
        if kind == "index" and not reflected:
            return bool(thing.info.get("dialect", dialect) == dialect)
        return True

    return include
