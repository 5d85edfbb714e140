"""Schema migrations: where they lie, which a database has, and whether this version works on it.

The version that is at work survives a migration that *expands* the schema: new tables, columns that may be
empty, indexes. One that *contracts* it takes away what the version before does not use any more. So two
versions may work side by side: the older one on a schema that was expanded, the newer one on one that was not
contracted yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, text

from validators.coded_error import CodedError


class SchemaError(CodedError, code="store.schema"):
    """The database's schema is not the one this version needs."""


def migrations_directory() -> Path:
    """The folder of the migrations: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "_alembic", package.parent / "alembic"):
        # The library of the same name may lie at the second place; it has no env.py of its own there.
        if (candidate / "env.py").is_file() and (candidate / "versions").is_dir():
            return candidate
    raise SchemaError(f"the migrations are missing beside {package}: install the package again")


def configuration(directory: Path | None = None) -> Config:
    """An alembic configuration that needs no ini file.

    Args:
        directory: of the migrations, where they are not the package's own.
    """
    config = Config()
    # Percent signs would be taken for interpolation.
    config.set_main_option("script_location", str(directory or migrations_directory()).replace("%", "%%"))
    return config


@cache
def _own_scripts() -> ScriptDirectory:
    """The migrations of the package, which no process sees change."""
    return ScriptDirectory.from_config(configuration())


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The revision this version of the software needs."""
    head = _own_scripts().get_current_head()
    if head is None:
        raise SchemaError("there are no migrations: install the package again")
    return head


def find_missing(connection: Connection, directory: Path | None = None) -> list[Script] | None:
    """The migrations that a database lacks, the first one first; None where a newer version migrated it."""
    scripts = _own_scripts() if directory is None else ScriptDirectory.from_config(configuration(directory))
    found = current_revision(connection)
    missing: list[Script] = []
    for script in scripts.walk_revisions():
        if script.revision == found:
            break
        missing.insert(0, script)
    else:
        if found is not None:
            return None
    return missing


def contracts(script: Script) -> bool:
    """Whether a migration takes away what older versions use."""
    return bool(script.module.kind == "contract")


def verify_schema(connection: Connection) -> None:
    """Check that this version works on the database's schema.

    Raises:
        SchemaError: it does not; the message says what to run.
    """
    missing = find_missing(connection)
    found, head = current_revision(connection), head_revision()
    if missing is None:
        oldest = _find_oldest(connection) if str(found).isdigit() else None
        if oldest is not None and oldest <= head < str(found):
            return
        raise SchemaError(
            f"the database is at revision {found}, which this version does not know: it was made by a newer "
            "version that this one cannot work beside; start that version"
        )
    if found is None or not all(map(contracts, missing)):
        state = "empty" if found is None else f"at revision {found}"
        raise SchemaError(f"the database is {state}, this version needs {head}: run `marketplace db upgrade`")


def _find_oldest(connection: Connection) -> str | None:
    found = connection.execute(text("SELECT oldest FROM schema_support")).scalar_one_or_none()
    return None if found is None else str(found)


def object_filter(dialect: str) -> Callable[[Any, str | None, str, bool, Any], bool]:
    """What to compare of models and database: an index meant for one database counts only there."""

    def include(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
        if kind == "index" and not reflected:
            return bool(thing.info.get("dialect", dialect) == dialect)
        return True

    return include
