"""Followers: every row once it is there, in order, whatever fails, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, BulkImports, Change, ChangeLog, Cursors
from marketplace.db import Database
from marketplace.ingest import IngestService, Source, UploadPolicy
from marketplace.worker import Lag, Worker, catch_up, rebuild, step_over
from tests.factories.entries import accepted, moment

DEADLINE = 30.0


class Recorder:
    """A follower that remembers; ``fail`` is called before each batch and may raise."""

    def __init__(self, name: str = "recorder", fail: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.fail = fail
        self.seen: dict[str, list[int]] = {}
        self.resets = 0
        self._news = threading.Condition()

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        self.fail()
        with self._news:
            self.seen.setdefault(log, []).extend(c.sequence for c in changes)
            self._news.notify_all()

    def reset(self) -> None:
        self.resets += 1
        self.seen.clear()

    def wait_for(self, rows: int, log: str = PUBLIC) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self.seen.get(log, ())) >= rows, DEADLINE)


def grow(database: Database, start: int, count: int, log: str = PUBLIC) -> None:
    ingest = IngestService(database, UploadPolicy(), lambda: moment(10))
    answers = [ingest.enqueue(accepted((log, n)), log, Source.IMPORT) for n in range(start, start + count)]
    assert {a.result(60).outcome for a in answers} == {"created"}
    ingest.close()


@contextmanager
def running(worker: Worker):
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop(DEADLINE)


def test_a_follower_gets_every_row_of_every_log_in_order(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:g")
    grow(database, 0, 600)  # more than a batch
    grow(database, 0, 3, "group:g")
    follower = Recorder()
    assert catch_up(database, follower) == 603
    assert follower.seen == {PUBLIC: list(range(600)), "group:g": [0, 1, 2]}
    assert catch_up(database, follower) == 0


def test_followers_go_slower_during_a_bulk_import(database: Database) -> None:
    grow(database, 0, 600)  # more than a batch
    bulk_imports, patient, hasty = BulkImports(), Recorder("patient"), Recorder("hasty")
    pauses = {"bulk_imports": bulk_imports, "let_pass": DEADLINE * 10}
    with bulk_imports.begin(), running(Worker(database, [patient], **pauses)):
        patient.wait_for(512)
        with running(Worker(database, [hasty])):
            hasty.wait_for(600)
        assert len(patient.seen[PUBLIC]) == 512
    with running(Worker(database, [patient], **pauses)):
        patient.wait_for(600)


def test_news_arrive_by_nudge(database: Database) -> None:
    follower = Recorder()
    with running(Worker(database, [follower], poll=DEADLINE * 10)) as worker:
        for n in range(3):
            grow(database, n, 1)
            worker.nudge()
            follower.wait_for(n + 1)
    assert follower.seen == {PUBLIC: [0, 1, 2]}


def test_news_of_other_processes_arrive_by_polling(database: Database) -> None:
    follower = Recorder()
    with running(Worker(database, [follower], poll=0.01)):
        grow(database, 0, 1)
        follower.wait_for(1)


def test_a_failing_follower_loses_nothing_and_stops_nobody(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    def fail() -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 3:
            raise RuntimeError("the index is locked")

    failing, good = Recorder("failing", fail), Recorder("good")
    grow(database, 0, 5)
    with running(Worker(database, [failing, good], poll=0.01, retry=0.01)) as worker:
        good.wait_for(5)
        failing.wait_for(5)
    assert failing.seen == good.seen == {PUBLIC: [0, 1, 2, 3, 4]}
    assert attempts == 4
    assert "follower failing failed" in caplog.text and "the index is locked" in caplog.text
    assert worker.lags() == [Lag("failing", 0, 0), Lag("good", 0, 0)]


class Picky(Recorder):
    """A follower that cannot take some rows, and none at all while it is broken."""

    def __init__(self, *poison: int, error: Exception | None = None) -> None:
        super().__init__("picky")
        self.poison = poison
        self.broken: Exception | None = None
        self.error = error or KeyError("poison")

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        if self.broken is not None:
            raise self.broken
        if not {change.sequence for change in changes}.isdisjoint(self.poison):
            raise self.error
        super().apply(session, log, changes)


@pytest.mark.parametrize("poison", [(0,), (3,), (9,), (2, 3, 7), (0, 1, 2, 3, 4, 5, 6, 7, 8)])
def test_a_follower_steps_over_the_rows_that_it_cannot_take_in(
    database: Database, caplog: pytest.LogCaptureFixture, poison: tuple[int, ...]
) -> None:
    grow(database, 0, 10)
    follower = Picky(*poison)
    with running(Worker(database, [follower], poll=0.01, retry=0.01)) as worker:
        follower.wait_for(10 - len(poison))
        grow(database, 10, 1)
        follower.wait_for(11 - len(poison))
    assert follower.seen[PUBLIC] == [one for one in range(11) if one not in poison]
    assert worker.lags() == [Lag("picky", 0, 0, len(poison))]
    for row in poison:
        assert f"follower picky steps over row {row} of log public, which it cannot take in" in caplog.text


def test_a_follower_that_takes_in_nothing_is_broken_and_steps_over_nothing(database: Database) -> None:
    grow(database, 0, 4)
    follower = Picky(1)
    follower.broken = KeyError("its index")
    with pytest.raises(KeyError):
        step_over(database, follower)
    follower.broken = None
    assert step_over(database, follower) == 1
    assert follower.seen == {PUBLIC: [0, 2, 3]}
    # What came before is the proof where the only new row is the one that fails.
    grow(database, 4, 1)
    follower.poison = (4,)
    assert step_over(database, follower) == 1
    follower.poison, follower.broken = (5,), KeyError("its index")
    grow(database, 5, 1)
    with pytest.raises(KeyError):
        step_over(database, follower)
    assert Lag("picky", 1, 0) == Worker(database, [follower]).lags()[0]


@pytest.mark.parametrize("error", [OSError("disk full"), OperationalError("", {}, Exception("locked"))])
def test_what_a_follower_works_with_is_no_fault_of_a_row(database: Database, error: Exception) -> None:
    grow(database, 0, 3)
    with pytest.raises(type(error)):
        step_over(database, Picky(1, error=error))


def test_stop_ends_a_waiting_and_a_failing_follower_promptly(database: Database) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise RuntimeError("never works")

    grow(database, 0, 1)
    worker = Worker(database, [Recorder("waiting"), Recorder("failing", fail)], poll=1e6, retry=1e6)
    worker.start()
    assert failed.wait(DEADLINE)
    assert worker.stop(DEADLINE)
    assert [(lag.follower, lag.rows) for lag in worker.lags() if lag.failures] == [("failing", 1)]


def test_a_worker_that_never_started_stops(database: Database) -> None:
    assert Worker(database, [Recorder()]).stop()


def test_a_cursor_outlives_the_process(database: Database) -> None:
    grow(database, 0, 2)
    catch_up(database, Recorder())
    grow(database, 2, 2)
    later = Recorder()
    catch_up(database, later)
    assert later.seen == {PUBLIC: [2, 3]}


def test_a_follower_is_rebuilt_from_the_log(database: Database) -> None:
    grow(database, 0, 3)
    follower = Recorder()
    catch_up(database, follower)
    rebuild(database, follower)
    assert follower.seen == {}
    catch_up(database, follower)
    assert follower.seen == {PUBLIC: [0, 1, 2]}


def test_a_follower_ahead_of_the_log_starts_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    grow(database, 0, 3)
    follower = Recorder()
    with database.write() as session:
        Cursors(session).move(follower.name, PUBLIC, 1000)
    with running(Worker(database, [follower], poll=0.01)):
        follower.wait_for(3)
    assert (follower.seen, follower.resets) == ({PUBLIC: [0, 1, 2]}, 1)
    assert "starts again" in caplog.text
