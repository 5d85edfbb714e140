"""The declarative base: constraint names and the column types every table shares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix__%(table_name)s__%(column_0_N_name)s",
    "uq": "uq__%(table_name)s__%(column_0_N_name)s",
    "ck": "ck__%(table_name)s__%(constraint_name)s",
    "fk": "fk__%(table_name)s__%(column_0_N_name)s__%(referred_table_name)s",
    "pk": "pk__%(table_name)s",
}

#: In ``Session.info`` of a session that sees one snapshot: which logs it was asked for, and how they are.
SNAPSHOT = "snapshot"

#: A 64-bit key that SQLite still treats as its rowid.
Key = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)


class UtcSecond(TypeDecorator[datetime]):
    """An aware UTC datetime stored as whole seconds since 1970 (years 1-9999, negative before).

    Integers compare and index alike on every database; the format has no
    smaller unit than the second.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_seconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_seconds(int(value))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_seconds(moment: datetime) -> int:
    """Whole seconds from 1970 to an aware datetime."""
    delta = moment - _EPOCH
    return delta.days * 86400 + delta.seconds


def from_seconds(seconds: int) -> datetime:
    """The aware UTC datetime that many seconds after 1970."""
    return _EPOCH + timedelta(seconds=seconds)
