"""A search that takes PostgreSQL too long is answered the next time: the background goes on with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyroaring import BitMap
from sqlalchemy import text

from marketplace.db import Database
from marketplace.search.engine import CurrentKeys, SearchIndex
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.search.postgresql_engine import PostgresqlEngine
from marketplace.search.words import parse_words
from tests.contract.search_documents import document, put
from tests.fixtures_postgres import PostgresServer
from tests.functional.sites import until

#: Entries that all have the same words, the odd ones in another order: each is looked into for a phrase.
ENTRIES = 3000
#: Milliseconds. The phrase takes at least ten times as long.
TINY = 1


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    url = postgres_server.create_database()
    database = Database.open(url)
    index = PostgresqlEngine(database).open("public")
    put(
        index,
        *(
            document(key, description="nightly build" if key % 2 else "build nightly")
            for key in range(1, ENTRIES + 1)
        ),
    )
    with database.write() as session:
        session.execute(text("ANALYZE"))
    yield database
    database.close()
    postgres_server.drop_database(url)


def searched(index: SearchIndex, current: CurrentKeys, typed: str) -> BitMap:
    query = parse_words(typed)
    assert query is not None
    return index.match(query, current).keys


@pytest.fixture
def current() -> CurrentKeys:
    return CurrentKeys(BitMap(range(1, ENTRIES + 1)), object())


def test_the_next_search_is_answered(database: Database, current: CurrentKeys) -> None:
    index = PostgresqlEngine(database, limit=TINY).open("public")
    with pytest.raises(SearchUnavailableError) as refused:
        searched(index, current, '"nightly build" -"build build"')
    assert refused.value.retry_after >= 1

    def is_answered() -> bool:
        try:
            keys = searched(index, current, '"nightly build" -"build build"')
        except SearchUnavailableError:
            return False
        assert keys == BitMap(range(1, ENTRIES + 1, 2))
        return True

    until(is_answered, "the background found out")


def test_what_takes_too_long_in_the_background_too_is_refused(
    database: Database, current: CurrentKeys
) -> None:
    index = PostgresqlEngine(database, limit=TINY, late_limit=TINY).open("public")

    def is_refused() -> bool:
        try:
            searched(index, current, '"build nightly"')
        except SearchUnavailableError:
            return False
        except SearchRefusedError as error:
            assert error.code == "search.too-costly"
            return True
        raise AssertionError("it was answered")

    until(is_refused, "the background gave up")


def test_no_search_reads_the_whole_table(database: Database, current: CurrentKeys) -> None:
    index = PostgresqlEngine(database).open("public")
    with database.snapshot():
        assert len(searched(index, current, "nightly")) == ENTRIES
        settings = ("statement_timeout", "enable_seqscan")
        with database.read() as session:
            (scans,) = session.scalars(text("SELECT sum(seq_scan) FROM pg_stat_xact_user_tables"))
            found = [session.scalar(text(f"SHOW {name}")) for name in settings]
    assert (scans, found) == (0, ["0", "on"])
