"""Joins old days to months, and forgets old months, so that the sums do not grow for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.models import EntryUse, ViewUse
from marketplace.usage.sums import ENTRY_SUMS, VIEW_SUMS, add_rows, month_of

#: Rows of one transaction: others who write wait for its end.
_AT_ONCE: Final = 1000
_Model = type[EntryUse] | type[ViewUse]
_TABLES: Final[tuple[tuple[_Model, str, tuple[str, ...]], ...]] = (
    (EntryUse, "entry_key", ENTRY_SUMS),
    (ViewUse, "view", VIEW_SUMS),
)


def fold(database: Database, days: int, months: int) -> None:
    """Keep the newest days and months that have sums at all.

    No clock is asked: one that is wrong must not throw figures away. Several processes may do it at once.

    Args:
        days: that are kept as days; older ones become part of their month.
        months: that are kept.
    """
    for model, name, sums in _TABLES:
        with database.read() as session:
            periods = list(_periods(session, model))
        old_days = [one for one in periods if one % 100][days:]
        folded = set(map(month_of, old_days))
        for month in sorted(folded):
            while _move(database, model, name, sums, month, old_days[0]) == _AT_ONCE:
                pass
        # Folding may have made new months: they count as well.
        every = sorted({one for one in periods if one % 100 == 0} | folded)
        for month in every[: max(0, len(every) - months)]:
            while _take(database, model, name, month) == _AT_ONCE:
                pass


def _periods(session: Session, model: _Model) -> Iterator[int]:
    """The periods that there are, newest first: one look at the index for each."""
    newest = session.scalar(select(func.max(model.period)))
    while newest is not None:
        yield newest
        newest = session.scalar(select(func.max(model.period)).where(model.period < newest))


def _move(
    database: Database, model: _Model, name: str, sums: tuple[str, ...], month: int, newest: int
) -> int:
    """Make some days of a month part of it; how many rows.

    Args:
        newest: the newest day that may be taken.
    """
    keys = [column.name for column in model.__table__.primary_key]
    with database.write() as session:
        # Taken out first: of two processes only one has each row.
        days = _some(model, name, month + 1, min(month + 99, newest))
        taken = session.execute(days.returning(*model.__table__.columns)).mappings().all()
        rows: dict[Any, dict[str, Any]] = {}
        for row in taken:
            joined = rows.setdefault(row[name], {**row, "period": month, **dict.fromkeys(sums, 0)})
            for one in sums:
                joined[one] += row[one]
        add_rows(session, model, [rows[one] for one in sorted(rows)], keys, sums)
        return len(taken)


def _take(database: Database, model: _Model, name: str, month: int) -> int:
    """Remove some rows of a month; how many."""
    with database.write() as session:
        return len(session.execute(_some(model, name, month, month).returning(model.period)).all())


def _some(model: _Model, name: str, first: int, last: int) -> Any:
    keys = tuple(model.__table__.primary_key)
    # In one order by everybody, so that nobody waits for whoever waits for them.
    order = (getattr(model, name), model.period)
    some = select(*keys).where(model.period.between(first, last)).order_by(*order).limit(_AT_ONCE)
    return delete(model).where(tuple_(*keys).in_(some)).execution_options(synchronize_session=False)
