"""How often entries and views were used: sums of days, and of months once the days are old."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Number, Word

_PERIOD = "period > 0"


class EntryUse(Base):
    """What was asked of an entry in one period.

    ``period`` is a day (UTC) as the number ``YYYYMMDD``, or a month with the day 00. ``email`` is the
    entry's: the sums of an endorser lie beside each other. Nobody who asked is in it.
    """

    __tablename__ = "entry_use"
    __table_args__ = (CheckConstraint(_PERIOD, name="period"), Index(None, "period"))

    email: Mapped[Word] = mapped_column(primary_key=True)
    period: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"), primary_key=True, autoincrement=False)
    verdicts: Mapped[Number]
    downloads: Mapped[Number]
    imports: Mapped[Number]


class ViewUse(Base):
    """What was asked of a view, by its name, in one period: see ``EntryUse``."""

    __tablename__ = "view_use"
    __table_args__ = (CheckConstraint(_PERIOD, name="period"), Index(None, "period"))

    view: Mapped[Word] = mapped_column(primary_key=True)
    period: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    documents: Mapped[Number]
    downloads: Mapped[Number]
