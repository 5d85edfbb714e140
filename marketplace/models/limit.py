"""How often callers asked, in all processes together."""

from __future__ import annotations

from sqlalchemy import Double
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Word


class LimitBucket(Base):
    """The turns that a caller has left of a limit, as they were at a time.

    ``caller`` is the digest of the limit's name and the caller's. ``size`` is how many turns come in a
    minute, and the most there are; ``at`` is in seconds since 1970. Rows go two minutes after their
    caller's last turn.
    """

    __tablename__ = "limit_bucket"

    caller: Mapped[Word] = mapped_column(primary_key=True)
    turns: Mapped[float] = mapped_column(Double)
    size: Mapped[float] = mapped_column(Double)
    at: Mapped[float] = mapped_column(Double, index=True)
