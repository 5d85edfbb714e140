"""Engines of PostgreSQL, whose servers may be gone without a word."""

from __future__ import annotations

import select
from typing import Any

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from marketplace.db.errors import READ_ONLY, DatabaseEncodingError, DatabaseVersionError
from marketplace.db.pools import MORE_READERS, MORE_WRITERS, READERS, WRITERS

#: What finds out in seconds that a PostgreSQL server is gone without a word: when connecting (seconds, for
#: each host of the URL), when nothing confirms what was sent (milliseconds), and when no answer comes
#: (seconds, seconds, and how often). A URL may say something else.
POSTGRESQL_NETWORK = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
#: The oldest PostgreSQL that is supported.
OLDEST_POSTGRESQL = 15


def open_postgresql(url: URL) -> tuple[Engine, Engine]:
    """Two engines of a database: one that writes, one for snapshots to read."""
    network = {name: value for name, value in POSTGRESQL_NETWORK.items() if name not in url.query}
    engine = create_engine(url, pool_size=WRITERS, max_overflow=MORE_WRITERS, connect_args=network)
    event.listen(engine, "handle_error", _leave_replica)
    reader = create_engine(
        url,
        pool_size=READERS,
        max_overflow=MORE_READERS,
        connect_args=network,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    for one in (engine, reader):
        event.listen(one, "do_connect", connect_postgresql)
        drop_ended(one)
    return engine, reader


def drop_ended(engine: Engine) -> None:
    """Have a pool give out no connection that its server ended: one that restarted fails no request.

    A question to the server would tell too, and take as long as a small statement does.
    """
    event.listen(engine, "checkout", _refuse_ended)


def _refuse_ended(connection: Any, record: object, proxy: object) -> None:
    """Raises InvalidatePoolError, so that the pool connects anew, where the server said something unasked."""
    if not connection.closed:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    raise InvalidatePoolError


def _leave_replica(context: ExceptionContext) -> None:
    """Close a pool's connections to a server that does not write any more: the next ones find who does."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def connect_postgresql(dialect: Any, record: object, arguments: Any, options: Any) -> Any:
    """Connect to a database that is new enough and holds every letter: no other is asked anything.

    Raises:
        DatabaseVersionError, DatabaseEncodingError: it is not, or does not.
    """
    connection = dialect.connect(*arguments, **options)
    version = connection.info.server_version // 10000
    if version < OLDEST_POSTGRESQL:
        connection.close()
        raise DatabaseVersionError(
            f"the database server is PostgreSQL {version}, and {OLDEST_POSTGRESQL} or newer is needed: "
            "upgrade it (pg_upgrade), or bring the entries to another one with `marketplace export` and "
            "`import`"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding == "UTF8":
        return connection
    name = connection.info.dbname
    connection.close()
    raise DatabaseEncodingError(
        f"the PostgreSQL database {name!r} has the encoding {encoding}, which cannot hold every entry: make "
        f"another one with `createdb --encoding=UTF8 --locale=C --template=template0 NAME`, name it in "
        "database.url and bring the entries there with `marketplace export` and `import`"
    )
