"""A test on PostgreSQL gets a database as if nobody had used it before."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.contract.conftest import Lending, drop_schemas


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def contents(url: str) -> dict[str, object]:
    """Every row of every table, and where the sequences stand."""
    with connect(url) as reader:
        names = [
            name for (name,) in reader.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        rows = {
            name: reader.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()
            for name in names
        }
        return rows | {
            "sequences": reader.execute("SELECT * FROM pg_sequences ORDER BY sequencename").fetchall()
        }


def test_rows_of_the_test_before_are_gone_and_those_of_the_template_are_back(
    postgres_lending: Lending,
) -> None:
    with postgres_lending.lend() as url:
        new = contents(url)
        with connect(url) as writer:
            writer.execute("UPDATE log SET next_sequence = 7")
            writer.execute("INSERT INTO log (name, next_sequence) VALUES ('another', 1)")
            writer.execute("SELECT nextval(sequencename::text::regclass) FROM pg_sequences")
        assert contents(url) != new
    with postgres_lending.lend() as again:
        assert again == url
        assert contents(again) == new


def test_a_connection_that_was_left_open_holds_nothing_up(postgres_lending: Lending) -> None:
    with postgres_lending.lend() as url:
        left = connect(url)
        left.execute("BEGIN")
        left.execute("LOCK TABLE log IN ACCESS EXCLUSIVE MODE")
    with postgres_lending.lend() as again, pytest.raises(psycopg.OperationalError):
        assert again == url
        left.execute("SELECT 1")
    left.close()


def test_an_idle_connection_serves_the_next_test(postgres_lending: Lending) -> None:
    with postgres_lending.lend() as url:
        left = connect(url)
        left.execute("UPDATE log SET next_sequence = 7")
    with postgres_lending.lend():
        assert left.execute("SELECT count(*) FROM log WHERE next_sequence = 7").fetchone() == (0,)
    left.close()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE log ADD COLUMN more integer",
        "CREATE TABLE more (number integer)",
        "DROP TABLE log CASCADE",
        "CREATE INDEX more ON log (next_sequence)",
        "CREATE SCHEMA more",
        "CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER DATABASE {} SET work_mem = '1MB'",
    ],
)
def test_nobody_gets_a_database_of_another_schema(postgres_lending: Lending, change: str) -> None:
    with postgres_lending.lend() as url, connect(url) as writer:
        name = writer.info.dbname
        writer.execute(change.replace("{}", name))
    with postgres_lending.lend() as another:
        assert another != url


def test_schemas_are_dropped_with_all_they_have_whoever_looks_at_them(postgres_url: str) -> None:
    left = connect(postgres_url)
    left.execute("CREATE TABLE more (number integer)")
    left.execute("CREATE SCHEMA another")
    left.execute("CREATE TABLE another.more (number integer)")
    left.execute("BEGIN")
    left.execute("SELECT * FROM another.more")
    drop_schemas(postgres_url)
    left.close()
    with connect(postgres_url) as reader:
        found = reader.execute(
            "SELECT nspname, relname FROM pg_namespace LEFT JOIN pg_class ON relnamespace = pg_namespace.oid"
            " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        assert found.fetchall() == [("public", None)]
