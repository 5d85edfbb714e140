"""A real PostgreSQL server for the tests, started from the installed binaries.

The server runs as an unprivileged user in a temporary directory, does not wait
for a disk, listens on a unix socket only, and is gone with the session.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from marketplace.db import upgrade

#: Set where the tests must not be skipped for want of a server.
REQUIRED = "REQUIRE_POSTGRESQL"
OLDEST = 15


#: What a test must leave as it was in a database that the next one gets: tables, columns, constraints,
#: functions and settings, each with the transaction that wrote it.
_SCHEMA = """
SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
  SELECT concat('class ', oid, relname, xmin) AS line FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat('column ', attrelid, attname, pg_attribute.xmin) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat('constraint ', oid, conname, xmin) FROM pg_constraint
  UNION ALL SELECT concat('trigger ', oid, tgname, tgenabled, xmin) FROM pg_trigger
  UNION ALL SELECT concat('function ', oid, proname, xmin) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat('namespace ', oid, nspname, xmin) FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL SELECT concat('setting ', setrole, setconfig) FROM pg_db_role_setting
) AS lines
"""


def find_binaries() -> Path | None:
    """The directory of a server of a supported version, the newest first."""
    installed = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    for found in sorted(installed, key=lambda p: -int(p.parent.name)):
        if int(found.parent.name) >= OLDEST and (found / "initdb").exists():
            return found
    beside = shutil.which("initdb")
    return Path(beside).resolve().parent if beside else None


def _demote() -> dict[str, object]:
    """How to start a process that is not root: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


def name_of(url: str) -> str:
    """The name of the database in a URL that ``create_database`` returned."""
    return url.partition("@/")[2].partition("?")[0]


class PostgresServer:
    """A running server; ``url`` makes the address of one of its databases."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries = binaries
        self._data = directory / "data"
        self._sockets = directory
        self._user = _demote()
        self._databases = 0
        self._port = 5432

    def start(self, more: str = "") -> None:
        """Make a new server and launch it, with ``more`` options than usual."""
        if self._user:
            os.chown(self._sockets, int(str(self._user["user"])), int(str(self._user["group"])))
        self._run(
            "initdb", "--pgdata", self._data, "--username", "tests", "--auth", "trust", "--encoding", "UTF8",
            # A locale that does not sort by code point would show a forgotten collation.
            "--locale-provider", "icu", "--icu-locale", "en-US", "--locale", "C.UTF-8",
        )  # fmt: skip
        self.launch(more)

    def launch(self, more: str = "", *, wait: bool = True) -> None:
        """Start the server over what it had when it was stopped; ``more`` options than usual."""
        options = (
            f"-k {self._sockets} -p {self._port} -c listen_addresses='' -c max_connections=60 -c fsync=off"
            f" {more}"
        )
        log = self._data / "server.log"
        waiting = "--wait" if wait else "--no-wait"
        self._run("pg_ctl", "--pgdata", self._data, waiting, "--log", log, "--options", options, "start")

    def url_of(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql+psycopg://tests@/{name}?host={self._sockets}"

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--timeout", 110, "--mode", mode, "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server stands still for the block: it takes connections, and never answers."""
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        # The first one stands still before the others are counted, so that no new one is missed.
        os.kill(postmaster, signal.SIGSTOP)
        others = map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())
        stopped = [postmaster]
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def replicate(self) -> PostgresServer:
        """Start a streaming replica; its sockets lie beside this server's, under another port."""
        replica = PostgresServer(self._binaries, self._sockets)
        replica._data, replica._port = self._sockets / "replica", self._port + 1
        self._run(
            "pg_basebackup", "--pgdata", replica._data, "--write-recovery-conf", "--checkpoint", "fast",
            "--wal-method", "stream", "--host", self._sockets, "--username", "tests",
        )  # fmt: skip
        replica.launch()
        return replica

    def same_at(self, url: str) -> str:
        """The URL of this server's copy of a database of another one."""
        return f"{url}&port={self._port}"

    def create_database(self, template: str = "template1", *options: str) -> str:
        """Make an empty database, or a copy of the database ``template``, and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run(
            "createdb", "--template", template, "--strategy", "file_copy", *options,
            "--host", self._sockets, "--username", "tests", name,
        )  # fmt: skip
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        self._run("dropdb", "--force", "--host", self._sockets, "--username", "tests", name_of(url))

    def _run(self, program: str, *arguments: object) -> None:
        # A file, not a pipe: the server inherits it, and a pipe would never end.
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                [str(self._binaries / program), *map(str, arguments)],
                cwd=self._sockets,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=120,
                check=False,
                **self._user,
            )
            if done.returncode:
                errors.seek(0)
                raise RuntimeError(f"{program} failed: {errors.read().decode(errors='replace')}")


@dataclass(frozen=True)
class _Lent:
    """A database to lend: its schema in one word, and rows by table as they are when new.

    Its connection knows all tables already, which takes a new one longer than to empty them.
    """

    url: str
    connection: psycopg.Connection
    schema: str
    rows: dict[str, bytes]
    #: Statements that empty every table and put the sequences back.
    emptying: bytes


class Lending:
    """Databases with the newest schema and nothing in them, one at a time.

    To empty a database takes a hundredth of the time that it takes to copy one. A test that
    changed more than rows leaves a database that nobody gets again.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._ready: _Lent | None = None

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Lend a database for the length of the block; gives its URL."""
        lent = self._ready or self._make()
        self._ready = None
        try:
            yield lent.url
        except BaseException:  # the test failed: its database may still be in use, and is lent to nobody else
            lent.connection.close()
            raise
        if _empty(lent):
            self._ready = lent
        else:
            lent.connection.close()
            self._server.drop_database(lent.url)

    def close(self) -> None:
        """End the connection to the database that waits for its next user."""
        if self._ready is not None:
            self._ready.connection.close()

    def _make(self) -> _Lent:
        url = self._server.create_database(self._template)
        connection = psycopg.connect(_plain(url), autocommit=True)
        rows = {table: _rows(connection, table) for table in _tables(connection)}
        schema = _one(connection, _SCHEMA)
        # Neither foreign keys nor triggers look at what is deleted.
        connection.execute("SET session_replication_role = replica")
        return _Lent(
            url, connection, schema, {table: held for table, held in rows.items() if held},
            _emptying(connection, rows),
        )  # fmt: skip


def _emptying(connection: psycopg.Connection, tables: Iterable[str]) -> bytes:
    sequences = connection.execute(
        "SELECT format('%I', sequencename), coalesce(last_value, start_value), last_value IS NOT NULL"
        " FROM pg_sequences WHERE schemaname = 'public'"
    ).fetchall()
    statements = [SQL("DELETE FROM {}").format(Identifier(table)) for table in tables]
    statements += [
        SQL("SELECT setval({}::regclass, {}, {})").format(*map(Literal, sequence)) for sequence in sequences
    ]
    return SQL(";").join(statements).as_bytes(connection)


def _empty(lent: _Lent) -> bool:
    """Put the rows back that the database had when it was new; False where more than rows has changed."""
    _end_busy_connections(lent.connection)
    if _one(lent.connection, _SCHEMA) != lent.schema:
        return False
    with lent.connection.transaction():
        lent.connection.execute(lent.emptying)
        for table, rows in lent.rows.items():
            with lent.connection.cursor().copy(SQL("COPY {} FROM STDIN").format(Identifier(table))) as copy:
                copy.write(rows)
    return True


def _tables(connection: psycopg.Connection) -> list[str]:
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [name for (name,) in found]


def _rows(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(table))) as copy:
        return b"".join(copy)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def _end_busy_connections(connection: psycopg.Connection) -> None:
    """End those others that do something or hold a lock; wait up to a minute for each to be gone."""
    connection.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        " AND (state <> 'idle' OR EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = pg_stat_activity.pid))"
    )


def drop_schemas(url: str) -> None:
    """Leave a database as it is when new: with a schema ``public`` that has nothing in it."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        _end_busy_connections(connection)
        names = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        for (name,) in names.fetchall():
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))
        connection.execute("CREATE SCHEMA public")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set and there is no PostgreSQL {OLDEST} or newer")
        pytest.skip(f"needs the PostgreSQL server binaries, version {OLDEST} or newer")
    # Not pytest's own directory: another user must get in, and a socket's path has a short limit.
    directory = Path(tempfile.mkdtemp(prefix="mp-pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    try:
        server = PostgresServer(binaries, directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of its own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a database with the newest schema, made once for each process, to copy."""
    url = postgres_server.create_database()
    upgrade(url)
    return name_of(url)


@pytest.fixture(scope="session")
def postgres_lending(postgres_server: PostgresServer, postgres_template: str) -> Iterator[Lending]:
    """Lends each test of a process an empty database with the newest schema."""
    with closing(Lending(postgres_server, postgres_template)) as lending:
        yield lending
