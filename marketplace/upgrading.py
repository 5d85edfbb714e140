"""Runs migrations beside servers that go on: none waits long for a lock, and whoever is in the way is named.

A change of a table needs a lock that waits for every transaction which uses the table, and whoever comes
later waits behind it. So each wait for the lock is short; between two of them the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.operations import Operations
from alembic.script import Script
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from marketplace.migrate import SchemaError, configuration, contracts, current_revision, find_missing

#: Any number that no other program uses on the same PostgreSQL database: "mkplace" in ASCII.
_UPGRADE_LOCK = 0x6D6B706C616365
#: Seconds between two looks whether another upgrade has ended. Waiting in the database would be a
#: transaction, and an index that is built beside writers waits for all of those.
_LOOK = 0.2
#: SQLSTATE of a lock that was not to be had in time.
_NOT_AVAILABLE = "55P03"
_BLOCKERS = text("""
SELECT pid, coalesce(nullif(application_name, ''), 'a client') AS name,
  coalesce(host(client_addr), 'this host') AS address,
  extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds, left(query, 80) AS query
FROM pg_stat_activity a
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND xact_start < clock_timestamp() - make_interval(secs => :seconds)
  AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation')
ORDER BY xact_start LIMIT 3
""")


class BlockedError(SchemaError, code="store.blocked"):
    """A migration did not get its lock; nothing of it was done."""


@dataclass(frozen=True)
class Patience:
    """How an upgrade waits; for PostgreSQL.

    Args:
        lock_seconds: for a lock, while uploads wait behind it.
        statement_seconds: that one statement may take; 0 sets no limit.
        attempts: times that a migration is tried.
        pause_seconds: between two of them.
    """

    lock_seconds: float = 2.0
    statement_seconds: float = 3600.0
    attempts: int = 30
    pause_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade found and did.

    Args:
        before: the revision that was there; None for an empty database.
        after: the revision that is there now.
        left: how many migrations wait until no older version runs.
    """

    before: str | None
    after: str | None
    left: int


def upgrade_engine(
    engine: Engine,
    patience: Patience = Patience(),
    *,
    only_expand: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    directory: Path | None = None,
) -> Upgraded:
    """Run what is missing; a second process waits and finds nothing to do.

    Args:
        only_expand: stop before the first migration that the version at work may not survive.
        tell: called with a line for people who wait.
        directory: of the migrations, where they are not the package's own.

    Returns:
        what was there and what was done.

    Raises:
        BlockedError: another transaction kept its locks all the time; the message names it.
        SchemaError: the database is of a newer version.
    """
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            before = current_revision(connection)
            missing, left = _find(connection, directory, only_expand)
            for script in missing:
                _support(connection, script)
                _run(connection, script, directory)
        return _told(before, missing, left)
    with engine.connect() as connection, _alone(connection, tell), _within(connection, patience):
        with connection.begin():
            before = current_revision(connection)
            missing, left = _find(connection, directory, only_expand)
        for script in missing:
            with connection.begin():
                _support(connection, script)
            _try(connection, script, patience, tell, directory)
    return _told(before, missing, left)


def initialise_empty(engine: Engine) -> None:
    """Give an empty database its schema; one that has a schema, of any version, stays as it is.

    A new directory then needs no step before the first start. Migrating a database
    with entries in it stays a step that the operator takes, after a backup.
    """
    with engine.begin() as connection:
        empty = current_revision(connection) is None
    if empty:
        upgrade_engine(engine)


def build_index(op: Operations, name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    """For migrations: build an index without keeping writers waiting."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        op.create_index(name, table, columns, unique=unique)
        return
    with op.get_context().autocommit_block():
        waiting = connection.scalar(text("SHOW lock_timeout"))
        # What it waits for holds up nobody else.
        connection.exec_driver_sql("SET lock_timeout = 0")
        # An attempt that was ended leaves one that is not used.
        op.drop_index(name, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, unique=unique, postgresql_concurrently=True)
        connection.execute(text("SELECT set_config('lock_timeout', :waiting, false)"), {"waiting": waiting})


def _told(before: str | None, run: list[Script], left: int) -> Upgraded:
    return Upgraded(before, run[-1].revision if run else before, left)


def _find(connection: Connection, directory: Path | None, only_expand: bool) -> tuple[list[Script], int]:
    """The migrations to run now, and how many are left for later."""
    missing = find_missing(connection, directory)
    if missing is None:
        raise SchemaError("the database was migrated by a newer version: start that one")
    if only_expand:
        for number, script in enumerate(missing):
            if contracts(script):
                return missing[:number], len(missing) - number
    return missing, 0


def _support(connection: Connection, script: Script) -> None:
    """Say before a contraction which versions survive it: those that do not must not start in between."""
    if contracts(script):
        connection.execute(
            text("UPDATE schema_support SET oldest = :oldest"), {"oldest": script.module.oldest}
        )


def _run(connection: Connection, script: Script, directory: Path | None) -> None:
    config = configuration(directory)
    config.attributes["connection"] = connection
    command.upgrade(config, script.revision)


def _try(
    connection: Connection,
    script: Script,
    patience: Patience,
    tell: Callable[[str], None],
    directory: Path | None,
) -> None:
    for attempt in range(1, patience.attempts + 1):
        try:
            _run(connection, script, directory)
            return
        except DBAPIError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
                raise
            blockers = _name_blockers(connection, patience.lock_seconds)
            if attempt == patience.attempts:
                raise BlockedError(
                    f"migration {script.revision} was tried {attempt} times and did not get its lock: "
                    f"{blockers}; end that, or run it again later"
                ) from error
            tell(
                f"migration {script.revision} waits for a lock ({attempt} of {patience.attempts}): {blockers}"
            )
            time.sleep(patience.pause_seconds)  # whoever waits behind this lock goes on meanwhile


def _name_blockers(connection: Connection, seconds: float) -> str:
    rows = connection.execute(_BLOCKERS, {"seconds": seconds}).all()
    connection.rollback()
    told = [
        f"process {row.pid} ({row.name} at {row.address}) has had a transaction open for {row.seconds} s: "
        + " ".join(row.query.split())
        for row in rows
    ]
    return "; ".join(told) or "many short transactions"


@contextmanager
def _alone(connection: Connection, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of upgrades, which a session that ends gives back by itself."""
    told = False
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _UPGRADE_LOCK}):
        connection.commit()
        if not told:
            tell("another process upgrades the database: waiting for its end")
        told = True
        time.sleep(_LOOK)  # between two looks at the lock of another process
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPGRADE_LOCK})
        connection.commit()


@contextmanager
def _within(connection: Connection, patience: Patience) -> Iterator[None]:
    limits = {"lock_timeout": patience.lock_seconds, "statement_timeout": patience.statement_seconds}
    for name, seconds in limits.items():
        connection.execute(
            text("SELECT set_config(:name, :value, false)"),
            {"name": name, "value": f"{int(seconds * 1000)}ms"},
        )
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        for name in limits:
            connection.exec_driver_sql(f"RESET {name}")
        connection.commit()
