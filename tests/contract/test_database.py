"""Transactions of several threads on one database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from marketplace import db
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.models import Log


def test_writers_of_one_process_take_turns_without_asking_again_and_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(db.time, "sleep", slept.append)
    together = threading.Barrier(4)

    def write(number: int) -> None:
        together.wait(30)
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
