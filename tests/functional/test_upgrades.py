"""The schema changes under a marketplace that is at work: no upload is refused, and older versions go on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from marketplace.db import Database, upgrade
from marketplace.migrate import (
    SchemaError,
    current_revision,
    head_revision,
    migrations_directory,
    verify_schema,
)
from marketplace.upgrading import BlockedError, Patience
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import postgres_server, postgres_url
from tests.functional.running import RunningServer, start
from tests.functional.sites import until

__all__ = ["postgres_server", "postgres_url"]

#: Of the present version, and of the two that come after it.
HEAD = head_revision()
NEXT, LAST = (f"{int(HEAD) + later:04}" for later in (1, 2))
#: Of a version that is not made yet: a column and an index more.
EXPANSION = f"""
import sqlalchemy as sa
from alembic import op
from marketplace.upgrading import build_index
revision, down_revision, kind = "{NEXT}", "{HEAD}", "expand"

def upgrade():
    op.add_column("entry", sa.Column("later", sa.Text(), nullable=True))
    build_index(op, "ix__entry__later", "entry", ["later"])
"""
#: Of the version after it, which the present one does not survive.
CONTRACTION = f"""
from alembic import op
revision, down_revision, kind, oldest = "{LAST}", "{NEXT}", "contract", "{NEXT}"

def upgrade():
    op.drop_column("entry", "later")
"""
HASTY = Patience(lock_seconds=0.3, attempts=400, pause_seconds=0.05)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """Those of the present version and the two that come after it."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_directory(), folder)
    (folder / "versions" / f"{NEXT}_later.py").write_text(EXPANSION)
    (folder / "versions" / f"{LAST}_later.py").write_text(CONTRACTION)
    return folder


@dataclass
class Uploading:
    """Somebody who uploads until told to stop, and what was answered."""

    server: RunningServer
    name: str
    answers: list[int] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        identity = make_identity()
        with self.server.client() as http:
            while not self.stopping.is_set():
                data = signed(image(content=f"{self.name} {len(self.answers)}"), identity)
                sent = http.post("/metadata", content=data, headers={"Content-Type": "text/xml"})
                self.answers.append(sent.status_code)

    def some_more(self) -> None:
        """Wait for further answers."""
        before = len(self.answers)
        until(lambda: len(self.answers) >= before + 3, "uploads go on")


@contextmanager
def uploading(server: RunningServer, name: str) -> Iterator[Uploading]:
    made = Uploading(server, name)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        made.some_more()
        yield made
    finally:
        made.stopping.set()
        thread.join()


def revision(url: str) -> str | None:
    with closing(Database.open(url)) as database, database.read() as session:
        return current_revision(session.connection())


def test_uploads_go_on_while_the_schema_grows_and_on_what_it_became(
    tmp_path: Path, postgres_url: str, migrations: Path
) -> None:
    upgrade(postgres_url)
    (tmp_path / "data").mkdir()
    server = start(tmp_path / "data", database_url=postgres_url, query_enabled="false")
    told: list[str] = []
    try:
        with (
            uploading(server, "before") as load,
            psycopg.connect(postgres_url.replace("+psycopg", "")) as reader,
        ):
            # A report that somebody makes, which is in the way of every change of the table.
            reader.execute("SELECT count(*) FROM entry")
            expanding = threading.Thread(
                target=upgrade,
                args=(postgres_url, HASTY),
                kwargs={"only_expand": True, "tell": told.append, "directory": migrations},
            )
            expanding.start()
            until(lambda: len(told) >= 2, "the upgrade says that it waits")
            load.some_more()
            reader.rollback()
            expanding.join()
            load.some_more()
            assert set(load.answers) == {201}
            assert f"process {reader.info.backend_pid} (a client at this host)" in told[0]
            assert "SELECT count(*) FROM entry" in told[0]
        assert revision(postgres_url) == NEXT
        with server.client() as http:
            assert http.get("/readyz").status_code == 200
        assert server.stop() == 0
        # A machine with the version before may even be started again.
        server = start(tmp_path / "data", database_url=postgres_url, query_enabled="false")
        with uploading(server, "after") as load:
            load.some_more()
        assert set(load.answers) == {201}
    finally:
        server.kill()


def test_versions_that_would_not_survive_a_contraction_do_not_start_on_it(
    postgres_url: str, migrations: Path
) -> None:
    upgrade(postgres_url, directory=migrations)
    assert revision(postgres_url) == LAST
    with (
        closing(Database.open(postgres_url)) as database,
        database.read() as session,
        pytest.raises(SchemaError, match=f"revision {LAST}, which this version does not know"),
    ):
        verify_schema(session.connection())
    with pytest.raises(SchemaError, match="newer version"):
        upgrade(postgres_url)


def test_an_upgrade_that_never_gets_its_lock_says_who_has_it_and_changes_nothing(
    postgres_url: str, migrations: Path
) -> None:
    upgrade(postgres_url)
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as reader:
        reader.execute("SELECT count(*) FROM entry")
        with pytest.raises(
            BlockedError, match=rf"{NEXT} was tried 2 times.*process {reader.info.backend_pid} "
        ):
            upgrade(postgres_url, Patience(0.1, attempts=2, pause_seconds=0.0), directory=migrations)
    assert revision(postgres_url) == HEAD
