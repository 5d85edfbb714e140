"""Transactions of several threads on one database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from marketplace import db
from marketplace.changes import ChangeLog
from marketplace.db import Database, is_unavailable
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
