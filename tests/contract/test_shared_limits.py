"""Limits that processes count together: who goes from one to the other is held to about one limit."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from marketplace.db import Database
from marketplace.limits import RateLimit
from marketplace.models import LimitBucket
from marketplace.shared_limits import SharedLimits

LIMIT = 60


def make(database: Database) -> tuple[SharedLimits, RateLimit]:
    shared = SharedLimits(database)
    return shared, shared.open("uploads", LIMIT)


def used(limit: RateLimit, most: int, caller: str = "a") -> int:
    """Turns that a caller gets at once."""
    return next((n for n in range(most) if limit.take(caller)), most)


def rows(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LimitBucket)) or 0


def test_what_was_used_at_another_process_counts(database_url: str) -> None:
    began = time.monotonic()
    with closing(Database.open(database_url)) as here, closing(Database.open(database_url)) as there:
        (mine, first), (theirs, second) = make(here), make(there)
        assert used(first, 40) == 40
        mine.exchange(here)
        assert used(second, 10) == 10
        theirs.exchange(there)
        left = used(second, LIMIT)
        come_back = (time.monotonic() - began) * LIMIT / 60
        assert 10 <= left <= 10 + come_back + 1
        theirs.exchange(there)
        assert used(first, 6) == 6, "each process decides by what it knows"
        mine.exchange(here)
        assert first.take("a") > 0, "and was told that nothing is left"
        assert first.take("b") == 0, "others are not concerned"


def test_what_most_callers_do_is_told_to_nobody(database: Database) -> None:
    shared, limit = make(database)
    for number in range(50):
        used(limit, 3, f"caller {number}")
    shared.exchange(database)
    assert rows(database) == 0


def test_what_could_not_be_told_is_told_later(database: Database) -> None:
    shared, limit = make(database)
    assert used(limit, 50) == 50
    with database.write() as session:
        session.execute(text("ALTER TABLE limit_bucket RENAME TO away"))
    with pytest.raises(SQLAlchemyError):
        shared.exchange(database)
    assert used(limit, 5) == 5, "meanwhile each process decides by itself"
    with database.write() as session:
        session.execute(text("ALTER TABLE away RENAME TO limit_bucket"))
    shared.exchange(database)
    with database.read() as session:
        turns = session.scalars(select(LimitBucket.turns)).one()
    assert turns == pytest.approx(LIMIT - 55)


def test_buckets_that_are_full_again_are_removed(database: Database) -> None:
    shared, limit = make(database)
    used(limit, 20)
    shared.exchange(database)
    with database.write() as session:
        session.execute(text("UPDATE limit_bucket SET at = at - 121"))
    shared._tidy_at = 0.0
    shared.exchange(database)
    assert rows(database) == 0


def test_counting_alone_asks_no_database() -> None:
    shared = SharedLimits(None)
    limit = shared.open("uploads", LIMIT)
    shared.start()
    assert used(limit, LIMIT + 1) == LIMIT
    shared.stop()
