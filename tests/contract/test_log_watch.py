"""Seeing that a log has grown, whoever wrote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from marketplace.changes import ChangeLog, LogWatch
from marketplace.db import Database
from marketplace.models import TrustState
from tests.functional.sites import until
from tests.waiting import HANGING


class Told:
    """Counts the calls, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.times = 0
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.times += 1
            self._changed.notify_all()

    def await_more_than(self, times: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.times > times, HANGING)


@contextmanager
def watching(database: Database, told: Told) -> Iterator[None]:
    watch = LogWatch(database, told, interval=0.01)
    watch.start()
    try:
        told.await_more_than(0)
        yield
    finally:
        watch.stop()


def test_what_another_process_writes_is_told_and_nothing_else(database: Database, database_url: str) -> None:
    told, elsewhere = Told(), Database.open(database_url)
    try:
        with watching(database, told):
            with elsewhere.write() as session:
                session.execute(text("DELETE FROM peer_grant"))
            with elsewhere.write() as session:
                ChangeLog(session).create("group:new")
            told.await_more_than(1)
            with elsewhere.write() as session:
                session.execute(text("UPDATE log SET next_sequence = 1 WHERE name = 'group:new'"))
            told.await_more_than(2)
        assert told.times == 3
    finally:
        elsewhere.close()


def test_a_database_that_comes_back_is_looked_at_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("marketplace.changes.watch._RETRY", 0.01)
    told = Told()
    with watching(database, told):
        with database.write() as session:
            session.execute(text("ALTER TABLE log RENAME TO gone"))
        until(lambda: "cannot be looked at" in caplog.text, "the failure is told of")
        before = told.times
        with database.write() as session:
            session.execute(text("ALTER TABLE gone RENAME TO log"))
        told.await_more_than(before)


def test_what_a_log_shows_and_how_certificates_stand_is_told_too(database: Database) -> None:
    grown, changed = Told(), Told()
    watch = LogWatch(database, grown, changed, interval=0.01)
    watch.start()
    try:
        changed.await_more_than(0)
        with database.write() as session:
            session.execute(text("UPDATE log SET revision = revision + 1"))
        changed.await_more_than(1)
        with database.write() as session:
            session.add(TrustState(id=1, revision=7, basis="", refreshed_at=datetime.now(UTC)))
        changed.await_more_than(2)
    finally:
        watch.stop()
    assert grown.times == 1
