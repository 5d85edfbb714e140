"""Runs migrations on the connection it is given, or on the database an ini file names."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from marketplace.db import Database
from marketplace.migrate import object_filter
from marketplace.models import Base


def run(connection: Connection) -> None:
    """Run the migrations: in the transaction that the connection is in, else each in one of its own."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=object_filter(connection.dialect.name),
        # SQLite changes tables by copying them.
        render_as_batch=connection.dialect.name == "sqlite",
        # What took its lock and is done keeps nobody waiting for what comes after it.
        transaction_per_migration=not connection.in_transaction(),
    )
    with context.begin_transaction():
        context.run_migrations()


def run_from_ini() -> None:
    """For the alembic command: the URL is ``sqlalchemy.url`` of the ini file's [alembic] section."""
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("set sqlalchemy.url in the [alembic] section")
    database = Database.open(url)
    try:
        with database.engine.begin() as connection:
            run(connection)
    finally:
        database.close()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    run_from_ini()
