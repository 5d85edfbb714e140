"""Who may do the background work: one process at a time, and nothing of an earlier one is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from marketplace.background import Background, Job, LeaseLostError
from marketplace.background.lease import open_lease, read_holding
from marketplace.db import Database
from marketplace.mail import Outbox
from tests.functional.sites import until
from tests.waiting import HANGING

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """What another process has open."""
    with closing(Database.open(database_url)) as opened:
        yield opened


def let_expire(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE background_lease SET until_ms = 1"))


def owed(database: Database) -> int:
    with database.read() as session:
        return len(Outbox(session).list())


def owe(database: Database) -> None:
    with database.write() as session:
        Outbox(session).enqueue("jane@example.org", "Subject", "Body", "key", now=NOW)


def test_one_at_a_time_has_the_work_and_gives_it_away(database: Database, other: Database) -> None:
    first, second = open_lease(database, "first"), open_lease(other, "second")
    assert first.is_free() and second.is_free()
    assert first.take() == 1
    assert first.is_held() and not second.is_free()
    assert second.take() is None
    assert first.renew(1)
    first.release(1)
    assert not first.is_held() and second.is_free()
    assert second.take() == 2
    assert first.take() is None
    with database.read() as session:
        holding = read_holding(session)
    assert (holding.term, holding.node) == (2, "second")
    second.release(2)


def test_nothing_is_stored_under_a_term_that_is_over(database: Database, other: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("the system takes the lock from no process that lives")
    first, second = open_lease(database, "first"), open_lease(other, "second")
    term = first.take()
    assert term is not None
    database.fence = lambda session: first.verify(session, term)
    with database.fenced():
        owe(database)
    assert owed(database) == 1
    let_expire(database)
    assert second.take() == 2
    assert first.is_held(), "it slept, and believes that it has the work"
    with pytest.raises(LeaseLostError), database.fenced(), database.write() as session:
        session.execute(text("DELETE FROM outgoing_mail"))
    assert owed(database) == 1
    assert not first.renew(term)
    assert not first.is_held()
    with database.write() as session:
        session.execute(text("DELETE FROM outgoing_mail"))  # requests are not concerned
    assert owed(database) == 0


def test_taking_waits_for_what_is_being_written_under_the_term_before(
    database: Database, other: Database
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("one writing transaction at a time anyway")
    first, second = open_lease(database, "first"), open_lease(other, "second")
    term = first.take()
    assert term is not None
    done: list[str] = []

    def take() -> None:
        term = None
        while term is None:
            with suppress(OperationalError):  # on a slow machine it waited as long as it does
                term = second.take()
        done.append("taken")

    taking = threading.Thread(target=take)
    with database.write() as session:
        first.verify(session, term)
        Outbox(session).enqueue("jane@example.org", "Subject", "Body", "key", now=NOW)
        assert first.renew(term), "a renewal does not wait for the work"
        let_expire(other)
        taking.start()
        until(lambda: _waits_for_a_lock(other), "the other one waits")
        done.append("written")
    taking.join(HANGING)
    assert done == ["written", "taken"]
    assert owed(database) == 1


def _waits_for_a_lock(database: Database) -> bool:
    with database.read() as session:
        waiting = session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND query LIKE '%FOR UPDATE%' AND datname = current_database()"
            )
        )
    return bool(waiting)


class Writing(Job):
    """A duty that writes for as long as it may."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "writing", HANGING)
        self.database = database
        self.written = 0
        self.refused = 0

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(0.01):
            try:
                with self.database.write() as session:
                    session.execute(text("DELETE FROM outgoing_mail"))
                self.written += 1
            except LeaseLostError:
                self.refused += 1


def test_duties_run_where_the_work_is_done_and_begin_again(database: Database, other: Database) -> None:
    duties = [Writing(database), Writing(other)]
    asked: list[str] = []
    processes = [
        Background(
            duty.database,
            name,
            [duty],
            takes_turns=True,
            hurry=lambda name=name: asked.append(name),
            beat=0.05,
        )
        for duty, name in zip(duties, ("first", "second"), strict=True)
    ]
    web = Background(other, "web", [], takes_turns=False, hurry=lambda: None, beat=0.05)
    other.fence = processes[1]._verify
    processes[0].start()
    assert processes[0].is_here
    processes[1].start()
    web.start()
    assert not processes[1].is_here and processes[1].is_done
    until(lambda: web.is_done and duties[0].written > 2, "the first one works")
    assert duties[1].written == 0
    web.look()
    until(lambda: asked == ["first"], "the process that works was asked to look")
    processes[0].stop()
    assert not duties[0].is_running
    until(lambda: processes[1].is_here and duties[1].written > 2, "the second one took over")
    web.stop()
    processes[1].stop()
    assert not any(duty.refused for duty in duties)
    with database.read() as session:
        assert read_holding(session).node == "second"


def test_a_process_that_cannot_find_out_whose_turn_it_is_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE background_lease RENAME TO away"))
    process = Background(database, "first", [], takes_turns=True, hurry=lambda: None, beat=0.05)
    process.start()
    assert not process.is_here and not process.is_done
    with database.write() as session:
        session.execute(text("ALTER TABLE away RENAME TO background_lease"))
    until(lambda: process.is_here, "it works as soon as it can")
    process.stop()
    assert caplog.text.count("nobody knows who does the background work") == 1


def test_a_process_that_lost_the_work_ends_its_duties_and_may_get_it_back(
    database: Database, other: Database
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("the system takes the lock from no process that lives")
    duty = Writing(database)
    process = Background(database, "first", [duty], takes_turns=True, hurry=lambda: None, beat=0.05)
    process.start()
    until(lambda: duty.written > 2, "it works")
    thief = open_lease(other, "second")
    term = None
    while term is None:  # the first one renews its hold between the two steps
        let_expire(other)
        term = thief.take()
    until(lambda: not process.is_here and not duty.is_running, "it sees that it has the work no more")
    written = duty.written
    thief.release(term)
    until(lambda: process.is_here and duty.written > written, "it has it again")
    process.stop()
