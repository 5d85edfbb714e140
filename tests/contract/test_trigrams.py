"""SQLite's index of the words in lists says what the lists say, however the rows came and changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC
from marketplace.db import Database, upgrade
from marketplace.ingest.batch import Batch, Source
from marketplace.ingest.gate import UploadPolicy
from marketplace.ingest.pages import Page, take_in
from marketplace.models.current import TRIGRAMS
from tests.factories.entries import accepted, moment
from validators.document import AcceptedEntry

NOW = moment(1000)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/words.sqlite"
    upgrade(url)
    opened = Database.open(url)
    yield opened
    opened.close()


def verify(database: Database) -> None:
    """Let SQLite compare the index with the texts; it raises where they differ."""
    with database.write() as session:
        session.execute(
            text(f"INSERT INTO {TRIGRAMS} ({TRIGRAMS}, rank) VALUES ('integrity-check', 1)")  # noqa: S608  # no input
        )


def bring(database: Database, *page: AcceptedEntry) -> None:
    with database.write() as session:
        batch = Batch(session, UploadPolicy(), NOW)
        take_in(session, batch, Page(page, PUBLIC, lambda session, outcomes: None))
        batch.finish()


def upload(database: Database, *entries: AcceptedEntry) -> list[object]:
    with database.write() as session:
        batch = Batch(session, UploadPolicy(), NOW)
        outcomes = [batch.try_add(one, PUBLIC, Source.UPLOAD) for one in entries]
        batch.finish()
    return list(outcomes)


def version(image: object, second: int) -> AcceptedEntry:
    return accepted(image, created=moment(second), title=f"{image} as of {second}")


def test_the_comparison_sees_a_row_that_is_missing(database: Database) -> None:
    upload(database, version("a", 1))
    with database.write() as session:
        session.execute(text("UPDATE current SET search_text = 'something else'"))
    with pytest.raises(DatabaseError):
        verify(database)


def test_pages_bring_new_images_and_newer_entries_for_known_ones(database: Database) -> None:
    bring(database, *(version(n, 1) for n in range(4)))
    verify(database)
    bring(database, version(2, 2), version("new", 1), version(3, 0), version(2, 3))
    verify(database)


def test_uploads_in_one_transaction_replace_each_other(database: Database) -> None:
    upload(database, version("a", 1))
    upload(database, version("a", 2), version("b", 1), version("b", 2), version("a", 3))
    verify(database)


def test_a_page_of_which_one_cannot_be_stored_is_taken_one_by_one(database: Database) -> None:
    upload(database, version("a", 1))
    faulty = accepted("c", created=moment(1), entry_id="too short for the table")
    bring(database, version("a", 2), faulty, version("b", 1))
    verify(database)


def test_what_a_savepoint_undoes_is_learnt_as_it_was(database: Database) -> None:
    upload(database, version("a", 1))

    def fail(session: Session) -> None:
        raise KeyError("no longer wanted")

    with database.write() as session:
        batch = Batch(session, UploadPolicy(), NOW)
        outcomes = [
            batch.try_add(version(image, 2), PUBLIC, Source.UPLOAD, note=fail) for image in ("a", "b")
        ]
        batch.finish()
    assert [type(one) for one in outcomes] == [KeyError, KeyError]
    verify(database)


def test_a_row_that_is_deleted_is_forgotten(database: Database) -> None:
    upload(database, version("a", 1), version("b", 1))
    with database.write() as session:
        session.execute(text("DELETE FROM current WHERE id = (SELECT max(id) FROM current)"))
    upload(database, version("c", 1))
    verify(database)
