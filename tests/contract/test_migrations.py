"""Migrations: they make what the models describe, once, whoever starts first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from marketplace.db import Database, initialise, upgrade
from marketplace.migrate import SchemaError, head_revision, object_filter, verify_schema
from marketplace.models import Base


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        dialect = connection.dialect.name
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": object_filter(dialect)}
        )
        return list(compare_metadata(context, Base.metadata))


def test_migrations_make_what_the_models_describe(database: Database) -> None:
    assert differences(database) == []


def test_the_comparison_sees_a_missing_index(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix__current__created")
    assert len(differences(database)) == 1


def test_models_make_what_the_migrations_make(database_url: str) -> None:
    """The models' own DDL is the same."""
    database = Database.open(database_url)
    try:
        migrated = {
            table: {index["name"] for index in inspect(database.engine).get_indexes(table)}
            for table in Base.metadata.tables
        }
        with database.engine.begin() as connection:
            Base.metadata.drop_all(connection)
            Base.metadata.create_all(connection)
        assert migrated == {
            table: {index["name"] for index in inspect(database.engine).get_indexes(table)}
            for table in Base.metadata.tables
        }
    finally:
        database.close()


def test_every_constraint_has_a_name(database: Database) -> None:
    inspector = inspect(database.engine)
    for table in Base.metadata.tables:
        found = [
            inspector.get_pk_constraint(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_foreign_keys(table),
            *inspector.get_check_constraints(table),
        ]
        assert all(str(constraint["name"])[2:4] == "__" for constraint in found), table


def test_two_processes_may_upgrade_at_the_same_time(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(upgrade, [empty_url] * 4))
    # Each one leaves the newest schema, no matter which of them made it.
    assert len(done) == 4 and {(one.after, one.left) for one in done} == {(head_revision(), 0)}


def test_upgrade_at_the_newest_schema_keeps_everything(database: Database, database_url: str) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE log SET next_sequence = 7")
    upgrade(database_url)
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT next_sequence FROM log").all() == [(7,)]


def test_a_database_without_the_schema_is_named(empty_url: str) -> None:
    database = Database.open(empty_url)
    try:
        with (
            database.read() as session,
            pytest.raises(SchemaError, match=f"is empty, this version needs {head_revision()}.*db upgrade"),
        ):
            verify_schema(session.connection())
        upgrade(empty_url)
        with database.read() as session:
            verify_schema(session.connection())
    finally:
        database.close()


def test_initialising_makes_a_schema_in_an_empty_database_and_migrates_no_other(empty_url: str) -> None:
    initialise(empty_url)
    database = Database.open(empty_url)
    try:
        with database.read() as session:
            verify_schema(session.connection())
        with database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'another'")
        initialise(empty_url)
        with database.read() as session, pytest.raises(SchemaError):
            verify_schema(session.connection())
    finally:
        database.close()
