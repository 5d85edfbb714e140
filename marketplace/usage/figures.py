"""The sums that one reader may see, exact or in tens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, and_, cast, func, select
from sqlalchemy.orm import Session

from marketplace.access import Principal
from marketplace.models import ChangeRow, Entry, EntryUse, ViewUse
from marketplace.rules.visibility import find_scope
from marketplace.usage.sums import ENTRY_SUMS, VIEW_SUMS, month_of, number_of

#: What figures that are not exact are rounded down to a multiple of.
STEP: Final = 10


class By(StrEnum):
    """What one figure is the sum of."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The sums of one day or month.

    Args:
        name: ``YYYY-MM-DD`` or ``YYYY-MM``.
        sums: by name, in the order of tables.
    """

    name: str
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """How often something was used.

    Args:
        names: of the sums.
        rounded: names of those sums that are rounded down to tens each, and leave out today.
        periods: those with anything to tell, oldest first.
    """

    names: tuple[str, ...]
    rounded: tuple[str, ...]
    periods: Sequence[Period] = field(default=())

    @property
    def exact(self) -> bool:
        """Whether all sums are told as they are."""
        return not self.rounded

    @property
    def total(self) -> Mapping[str, int]:
        """What the shown periods make together."""
        return {name: sum(one.sums[name] for one in self.periods) for name in self.names}

    def joined(self, other: Figures) -> Figures:
        """These sums and those of other names, side by side."""
        names = self.names + other.names
        found: dict[str, dict[str, int]] = {}
        for one in (*self.periods, *other.periods):
            found.setdefault(one.name, dict.fromkeys(names, 0)).update(one.sums)
        periods = [Period(name, found[name]) for name in sorted(found)]
        return Figures(names, self.rounded + other.rounded, periods)


@dataclass(frozen=True, slots=True)
class Span:
    """Days that are asked about, both included; by months the whole months that they are in."""

    by: By
    first: date
    last: date

    def covers(self, period: Any, today: int | None) -> ColumnElement[bool]:
        """Whether a row's period is in it.

        Args:
            today: the day that is left out; None: none is.
        """
        begin, end = self._bounds()
        inside = [period >= begin, period <= end]
        if self.by is By.DAY:
            inside.append(period % 100 > 0)
        if today is not None:
            # Whoever could watch a day grow would see when machines start.
            inside.append(period < today)
        return and_(*inside)

    def contains(self, period: int) -> bool:
        """Whether a day, or a month, is in it."""
        begin, end = self._bounds()
        return begin <= period <= end

    def group(self, period: Any) -> Any:
        """The column that rows are joined by."""
        return self.group_by(self.by, period)

    @staticmethod
    def group_by(by: By, period: Any) -> Any:
        """The column that rows are joined by, whichever days are asked about."""
        return cast(period if by is By.DAY else period - period % 100, Integer)

    def _bounds(self) -> tuple[int, int]:
        begin, end = number_of(self.first), number_of(self.last)
        return (begin, end) if self.by is By.DAY else (month_of(begin), month_of(end) + 99)


def last_days(by: By, today: date) -> Span:
    """What is shown where nobody asks for other days: 30 days, or 12 months."""
    if by is By.DAY:
        return Span(by, today - timedelta(days=29), today)
    months = today.year * 12 + today.month - 12
    return Span(by, date(months // 12, months % 12 + 1, 1), today)


def period_of(number: int) -> str:
    """A day or month as readers see it."""
    year, month, day = number // 10_000, number // 100 % 100, number % 100
    return f"{year:04}-{month:02}-{day:02}" if day else f"{year:04}-{month:02}"


def figures_of(
    rows: Iterable[tuple[int, Mapping[str, int]]], names: tuple[str, ...], *, exact: bool
) -> Figures:
    """Figures of sums by period, oldest first."""
    step = 1 if exact else STEP
    periods = []
    for period, row in rows:
        sums = {name: int(row[name]) // step * step for name in names}
        if any(sums.values()):
            periods.append(Period(period_of(period), sums))
    return Figures(names, () if exact else names, periods)


class Usage:
    """The sums of what a principal may see.

    Args:
        today: the day of the clock (UTC).
    """

    def __init__(self, session: Session, principal: Principal, today: date) -> None:
        self._session = session
        self._principal = principal
        self._today = number_of(today)

    def of_entry(self, entry_id: str, email: str, span: Span, *, exact: bool) -> Figures:
        """The sums of an entry that the principal sees.

        Args:
            email: of its endorser.
            exact: whether they are told as they are.
        """
        return self._entries(span, exact, EntryUse.email == email, Entry.entry_id == entry_id)

    def of_endorser(self, email: str, span: Span, *, exact: bool) -> Figures:
        """The sums of all entries of an endorser that the principal sees, superseded ones included."""
        return self._entries(span, exact, EntryUse.email == email)

    def of_view(self, name: str, span: Span, *, exact: bool) -> Figures:
        """The sums of a view that the principal may read."""
        period = span.group(ViewUse.period)
        statement = select(
            period.label("period"),
            *(func.sum(getattr(ViewUse, one)).label(one) for one in VIEW_SUMS),
        ).where(ViewUse.view == name, span.covers(ViewUse.period, None if exact else self._today))
        return self._figures(statement.group_by(period).order_by(period), VIEW_SUMS, exact)

    def _entries(self, span: Span, exact: bool, *conditions: ColumnElement[bool]) -> Figures:
        scope = find_scope(self._session, self._principal)
        shown = (
            select(ChangeRow.entry_key)
            .where(ChangeRow.entry_key == EntryUse.entry_key, scope.covers(ChangeRow.log_id), ChangeRow.shown)
            .exists()
        )
        period = span.group(EntryUse.period)
        statement = (
            select(
                period.label("period"),
                *(func.sum(getattr(EntryUse, one)).label(one) for one in ENTRY_SUMS),
            )
            .join(Entry, Entry.id == EntryUse.entry_key)
            .where(*conditions, span.covers(EntryUse.period, None if exact else self._today), shown)
        )
        return self._figures(statement.group_by(period).order_by(period), ENTRY_SUMS, exact)

    def _figures(self, statement: Select[Any], names: tuple[str, ...], exact: bool) -> Figures:
        found = self._session.execute(statement).mappings()
        return figures_of(((row["period"], dict(row)) for row in found), names, exact=exact)
