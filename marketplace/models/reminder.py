"""Who gets reminders, and which were given."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Word


class ReminderSubscription(Base):
    """An address whose reader asked for reminders."""

    __tablename__ = "reminder_subscription"

    email: Mapped[Word] = mapped_column(primary_key=True)
    since: Mapped[Moment]


class ReminderGiven(Base):
    """One occasion that was told of: an entry and how near its end was, or an address and a month."""

    __tablename__ = "reminder_given"

    occasion: Mapped[Word] = mapped_column(primary_key=True)
    given_at: Mapped[Moment]
