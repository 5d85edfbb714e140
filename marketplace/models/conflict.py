"""Where to look for entries that contradict each other, so that nobody has to read all of them."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base, UtcSecond
from marketplace.models.columns import Moment, Word


class ConflictCoordinates(Base):
    """Coordinates at which some logs of this marketplace hold more than one statement.

    Who may see which of them is asked when they are read. A follower of the logs
    keeps the table; it can be thrown away.
    """

    __tablename__ = "conflict_place"

    identifier: Mapped[Word] = mapped_column(primary_key=True)
    email: Mapped[Word] = mapped_column(primary_key=True)
    created: Mapped[Moment] = mapped_column(UtcSecond, primary_key=True, autoincrement=False)
    noticed_at: Mapped[Moment]
