"""A real PostgreSQL server for the tests, started from the installed binaries.

The server runs as an unprivileged user in a temporary directory with its
usual durability, listens on a unix socket only, and is gone with the session.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.db import upgrade

#: Set where the tests must not be skipped for want of a server.
REQUIRED = "REQUIRE_POSTGRESQL"
OLDEST = 15


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

    def start(self) -> None:
        if self._user:
            os.chown(self._sockets, int(str(self._user["user"])), int(str(self._user["group"])))
        self._run(
            "initdb", "--pgdata", self._data, "--username", "tests", "--auth", "trust", "--encoding", "UTF8",
            # A locale that does not sort by code point would show a forgotten collation.
            "--locale-provider", "icu", "--icu-locale", "en-US", "--locale", "C.UTF-8",
        )  # fmt: skip
        self.launch()

    def launch(self) -> None:
        """Start the server over what it had when it was stopped."""
        options = f"-k {self._sockets} -c listen_addresses='' -c max_connections=60 -c fsync=off"
        log = self._data / "server.log"
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--log", log, "--options", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--mode", "immediate", "stop")

    def create_database(self, template: str = "template1", *options: str) -> str:
        """Make an empty database, or a copy of the database ``template``, and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run(
            "createdb", "--template", template, "--strategy", "file_copy", *options,
            "--host", self._sockets, "--username", "tests", name,
        )  # fmt: skip
        return f"postgresql+psycopg://tests@/{name}?host={self._sockets}"

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
                **self._user,  # type: ignore[call-overload]  # user and groups, or nothing
            )
            if done.returncode:
                errors.seek(0)
                raise RuntimeError(f"{program} failed: {errors.read().decode(errors='replace')}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set and there is no PostgreSQL {OLDEST} or newer")
        pytest.skip(f"needs the PostgreSQL server binaries, version {OLDEST} or newer")
    # Not pytest's own directory: another user must get in, and a socket's path has a short limit.
    directory = Path(tempfile.mkdtemp(prefix="mp-pg-"))
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
