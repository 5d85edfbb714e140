"""Transactions of several threads on one database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from marketplace import db
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.db.errors import is_unavailable
from marketplace.db.postgresql import POSTGRESQL_NETWORK
from marketplace.models import Log
from tests.waiting import HANGING


def test_writers_of_one_process_take_turns_without_asking_again_and_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(db.time, "sleep", slept.append)
    together = threading.Barrier(4)

    def write(number: int) -> None:
        together.wait(HANGING)
        for step in range(20):
            with database.write() as session:
                ChangeLog(session).create(f"group:g{number}-{step}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with database.read() as session:
        made = session.scalar(select(func.count()).where(Log.name.like("group:g%")))
    assert made == 80
    assert slept == []


def test_a_writer_that_fails_gives_its_turn_away(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        ChangeLog(session).create("group:failed")
        raise ZeroDivisionError
    with database.write() as session:
        ChangeLog(session).create("group:next")
    with database.read() as session:
        assert "group:failed" not in ChangeLog(session).names()
        assert "group:next" in ChangeLog(session).names()


def test_a_wrong_question_is_no_database_that_is_away(database: Database) -> None:
    for wrong in ("SELECT nonsense FROM nowhere", "SELECT FROM FROM"):
        with database.read() as session, pytest.raises(SQLAlchemyError) as found:
            session.execute(text(wrong))
        assert not is_unavailable(found.value)


def test_a_database_that_is_gone_is_away(tmp_path: Path) -> None:
    nowhere = tmp_path / "gone"
    for url in (f"sqlite:///{nowhere / 'x.sqlite'}", f"postgresql://x@/x?host={nowhere}"):
        opened = Database.open(url)
        if nowhere.is_dir():
            nowhere.rmdir()
        with opened.read() as session, pytest.raises(SQLAlchemyError) as found:
            session.execute(text("SELECT 1"))
        assert is_unavailable(found.value)
        opened.close()


def test_a_server_that_reads_only_is_left_for_the_one_that_writes(postgres_url: str) -> None:
    db.upgrade(postgres_url)
    database = Database.open(postgres_url)
    other = Database.open(postgres_url)
    name = make_url(postgres_url).database
    try:
        with other.write() as session:
            session.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        # A connection keeps what it was told at its beginning, as one to a former primary does.
        for _ in range(2):
            with pytest.raises(SQLAlchemyError) as found, database.write() as session:
                ChangeLog(session).create("group:late")
            assert is_unavailable(found.value)
        with other.write() as session:
            session.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
        with database.write() as session:
            ChangeLog(session).create("group:later")
    finally:
        database.close()
        other.close()


def test_a_postgresql_that_is_gone_without_a_word_is_noticed_in_seconds(postgres_url: str) -> None:
    url = make_url(postgres_url).update_query_dict({"keepalives_idle": "77"})
    # The first host is none, the second one writes.
    url = url.update_query_dict(
        {"host": ["/nowhere", str(url.query["host"])], "target_session_attrs": "read-write"}
    )
    database = Database.open(url.render_as_string(hide_password=False))
    try:
        with database.write() as session:
            driver = session.connection().connection.dbapi_connection
            told = driver.info.get_parameters()
        with database.read() as session:
            assert session.connection().connection.dbapi_connection.info.get_parameters() == told
    finally:
        database.close()
    assert {name: told[name] for name in POSTGRESQL_NETWORK} == POSTGRESQL_NETWORK | {"keepalives_idle": "77"}
