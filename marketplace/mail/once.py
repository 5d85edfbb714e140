"""Doing something once, whoever tries it how often and in how many processes."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_once(session: Session, model: type, values: Any) -> postgresql.Insert | sqlite.Insert:
    """An insert that does nothing where the row is there already, on either database.

    Args:
        values: of one row, or a list of several; PostgreSQL then wants them in one order everywhere.
    """
    if session.connection().dialect.name == "postgresql":
        return postgresql.insert(model).values(values).on_conflict_do_nothing()
    return sqlite.insert(model).values(values).on_conflict_do_nothing()
