"""Who gets reminders, and which were given."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Word


class ReminderChoice(Base):
    """What the reader of an address chose.

    Without a row there is no monthly list, and there are warnings if the site knows
    the address as its endorser's.
    """

    __tablename__ = "reminder_choice"

    email: Mapped[Word] = mapped_column(primary_key=True)
    monthly: Mapped[bool]
    warnings: Mapped[bool]
    since: Mapped[Moment]


class ReminderGiven(Base):
    """One occasion that was told of: an entry and how near its end was, or an address and a month."""

    __tablename__ = "reminder_given"

    occasion: Mapped[Word] = mapped_column(primary_key=True)
    given_at: Mapped[Moment]
