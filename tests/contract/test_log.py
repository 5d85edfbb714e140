"""The log: dense numbers that become visible in order, with writers that compete, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog, Cursors, LogNotFoundError
from marketplace.changes.log import PAGE_LIMIT, Appended
from marketplace.db import Database
from tests.factories.entries import accepted, moment
from tests.factories.storing import imports, take_all
from tests.waiting import HANGING

WRITERS = 8
ROUNDS = 15
NOW = moment(0)

Append = Callable[[Session, int], None]
Poll = Callable[[Session, int], list[int]]


@dataclass(frozen=True)
class Finding:
    """What a follower saw that polled all the time, against what was there in the end."""

    seen: list[int]
    stored: list[int]

    @property
    def missed(self) -> set[int]:
        return set(self.stored) - set(self.seen)

    @property
    def gaps(self) -> set[int]:
        return set(range(len(self.stored))) ^ set(self.stored)


def follow_while_writing(url: str, append: Append, poll: Poll) -> Finding:
    """WRITERS connections append, ROUNDS transactions each, while a follower polls on one of its own.

    The follower remembers the highest number it saw and asks for what comes behind it.
    """
    with ExitStack() as opened:
        databases = [opened.enter_context(closing(Database.open(url))) for _ in range(WRITERS)]
        reader = opened.enter_context(closing(Database.open(url)))
        start, done = threading.Barrier(WRITERS + 1), threading.Event()
        seen: list[int] = []

        def write(number: int) -> None:
            start.wait(HANGING)
            for turn in range(ROUNDS):
                with databases[number].write() as session:
                    append(session, number * ROUNDS + turn)

        def follow() -> None:
            start.wait(HANGING)
            while True:
                last = done.is_set()
                with reader.read() as session:
                    seen.extend(poll(session, seen[-1] + 1 if seen else 0))
                if last:
                    return

        with ThreadPoolExecutor(WRITERS + 1) as pool:
            following = pool.submit(follow)
            try:
                for writing in [pool.submit(write, number) for number in range(WRITERS)]:
                    writing.result(120)
            finally:
                done.set()  # also when a writer failed: the follower would poll for ever
            following.result(60)
        with reader.read() as session:
            return Finding(seen, poll(session, 0))


def take_in(session: Session, number: int) -> None:
    """What ingest does, with two entries a transaction."""
    entries = [accepted(("load", number, n), f"writer{n}@example.org") for n in range(2)]
    take_all(session, imports(entries), NOW)


def sequences(session: Session, since: int) -> list[int]:
    return [change.sequence for change in ChangeLog(session).page(PUBLIC, since)]


def test_a_polling_follower_misses_nothing_and_numbers_have_no_gaps(database_url: str) -> None:
    found = follow_while_writing(database_url, take_in, sequences)
    assert len(found.stored) == WRITERS * ROUNDS * 2
    assert (found.missed, found.gaps) == (set(), set())
    assert found.seen == found.stored


def test_numbers_of_a_rolled_back_transaction_are_given_again(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        take_in(session, 1)
        raise RuntimeError
    with database.write() as session:
        take_in(session, 2)
    with database.read() as session:
        assert sequences(session, 0) == [0, 1]


class NaiveLog:
    """A log that takes its numbers from an autoincrement key: at insert, long before they are visible."""

    def __init__(self, database: Database) -> None:
        with database.write() as session:
            session.execute(
                text("CREATE TABLE naive (id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0) PRIMARY KEY)")
            )

    def append(self, session: Session, number: int) -> None:
        session.execute(text("INSERT INTO naive DEFAULT VALUES"))
        # The rest of the transaction: what ingest does between number and commit in this variant.
        session.execute(text("SELECT count(*) FROM generate_series(1, :n)"), {"n": 20_000 * (number % 3)})

    def poll(self, session: Session, since: int) -> list[int]:
        return list(
            session.scalars(text("SELECT id FROM naive WHERE id >= :since ORDER BY id"), {"since": since})
        )


@pytest.fixture
def naive(request: pytest.FixtureRequest) -> Iterator[tuple[str, NaiveLog]]:
    url = request.getfixturevalue("postgres_url")
    with closing(Database.open(url)) as database:
        yield url, NaiveLog(database)


def test_the_check_finds_what_an_autoincrement_key_loses(naive: tuple[str, NaiveLog]) -> None:
    url, log = naive
    found = follow_while_writing(url, log.append, log.poll)
    assert len(found.stored) == WRITERS * ROUNDS
    assert found.missed, "the concurrent-writer check would not notice a log that loses rows"


def test_an_autoincrement_key_becomes_visible_out_of_order(naive: tuple[str, NaiveLog]) -> None:
    """The reason, in slow motion: the second number commits first and the follower moves past the first."""
    url, log = naive
    with closing(Database.open(url)) as database, closing(Database.open(url)) as other:
        with database.write() as slow:
            log.append(slow, 0)
            with other.write() as quick:
                log.append(quick, 0)
            with other.read() as session:
                assert log.poll(session, 0) == [1]
        with other.read() as session:
            assert log.poll(session, 2) == []
            assert log.poll(session, 0) == [0, 1]


def test_pages_are_bounded_and_start_where_asked(database: Database) -> None:
    with database.write() as session:
        for number in range(3):
            take_in(session, number)
    with database.read() as session:
        log = ChangeLog(session)
        assert (log.size(PUBLIC), PAGE_LIMIT) == (6, 1024)
        assert [c.sequence for c in log.page(PUBLIC, 2, 3)] == [2, 3, 4]
        assert log.page(PUBLIC, 6) == []


def test_a_snapshot_stays_as_it_was(database: Database) -> None:
    with database.read() as session:
        assert ChangeLog(session).size(PUBLIC) == 0
        with database.write() as writing:  # a reader never makes a writer wait
            take_in(writing, 1)
        assert ChangeLog(session).size(PUBLIC) == 0
        assert sequences(session, 0) == []


def test_a_reading_session_cannot_write(database: Database) -> None:
    with database.read() as session, pytest.raises(Exception, match=r"readonly|read-only"):
        Cursors(session).move("x", PUBLIC, 1)


def test_logs_have_numbers_of_their_own(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:b")
        ChangeLog(session).create("group:b")
        take_in(session, 1)
    with database.read() as session:
        log = ChangeLog(session)
        assert (log.names(), log.size("group:b"), log.size(PUBLIC)) == (["group:b", PUBLIC], 0, 2)


@pytest.mark.parametrize(
    "use",
    [
        lambda log: log.size("none"),
        lambda log: log.page("none", 0),
        lambda log: log.append("none", [Appended(1, 1)], NOW),
    ],
)
def test_an_unknown_log_is_named(database: Database, use: Callable[[ChangeLog], object]) -> None:
    with database.write() as session, pytest.raises(LogNotFoundError, match="'none'"):
        use(ChangeLog(session))


def test_cursors_move_both_ways_and_forget(database: Database) -> None:
    with database.write() as session:
        cursors = Cursors(session)
        assert cursors.position("f", PUBLIC) == 0
        for position in (5, 3):
            cursors.move("f", PUBLIC, position)
            assert cursors.position("f", PUBLIC) == position
        cursors.move("g", PUBLIC, 9)
        cursors.forget("f")
        assert (cursors.position("f", PUBLIC), cursors.position("g", PUBLIC)) == (0, 9)
