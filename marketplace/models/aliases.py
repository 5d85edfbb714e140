"""Aliases of tables that all threads use."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import aliased

from marketplace.models.base import Base

_Row = TypeVar("_Row", bound=Base)


def shared_alias(entity: type[_Row]) -> type[_Row]:
    """An alias of a table for the whole process: to make one costs more than to run the statement it is in.

    SQLAlchemy makes each of its columns when it is first asked for. Where two threads ask at the same time,
    one of them may get the column of the table itself, and its statement then fails or compares a row
    with itself. So all of them are made here.
    """
    alias = aliased(entity)
    for column in inspect(entity).column_attrs:
        getattr(alias, column.key).expression  # noqa: B018  # made by being asked for
    return alias
