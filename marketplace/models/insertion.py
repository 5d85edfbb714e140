"""Inserts rows that may be there already, and many rows of one form.

For many rows the statement is put together once, and the driver gets plain values: SQLAlchemy prepares the
parameters of each row by themselves, which for a page of entries takes longer than the database needs to
store them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Dialect, FromClause, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from marketplace.models.base import UtcSecond, to_seconds

_Parameters = Callable[[Mapping[str, Any]], Any]


def insert_many(connection: Connection, table: FromClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows.

    Args:
        table: of a model (``Model.__table__``).
        rows: values by the names of columns, the same names in each; columns that none names become NULL.

    Raises:
        DBAPIError: as from ``Connection.execute``.
    """
    if rows:
        statement, parameters = _prepare(cast("Table", table), tuple(rows[0]), connection.dialect)
        connection.exec_driver_sql(statement, [parameters(row) for row in rows])


@lru_cache(maxsize=64)
def _prepare(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, _Parameters]:
    """The statement as the driver takes it, and what makes a row's parameters."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(names))
    moments = [name for name in names if isinstance(table.c[name].type, UtcSecond)]
    order: Sequence[str] | None = getattr(compiled, "positiontup", None)

    def parameters(row: Mapping[str, Any]) -> Any:
        values = dict(row)
        for name in moments:
            if values[name] is not None:
                values[name] = to_seconds(values[name])
        return values if order is None else tuple([values[name] for name in order])

    return str(compiled), parameters


def insert_once(session: Session, model: type, values: Any) -> postgresql.Insert | sqlite.Insert:
    """An insert that does nothing where the row is there already, on either database.

    Args:
        values: of one row, or a list of several; PostgreSQL then wants them in one order everywhere.
    """
    if session.connection().dialect.name == "postgresql":
        return postgresql.insert(model).values(values).on_conflict_do_nothing()
    return sqlite.insert(model).values(values).on_conflict_do_nothing()
