"""What looks at the locations of current public entries found."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, Word


class WatchedLocation(Base):
    """One location, by the SHA-256 of its text (64 hex digits).

    ``uri`` is ASCII of at most 2000 characters: PostgreSQL indexes nothing much longer.

    ``entry_key`` is the latest public entry that names it. ``reach`` and what follows are null until
    somebody looked; ``failures`` counts looks in a row that did not find the content.
    """

    __tablename__ = "watched_location"
    __table_args__ = (Index(None, "next_at"), Index(None, "entry_key"), Index(None, "uri"))

    digest: Mapped[Word] = mapped_column(primary_key=True)
    uri: Mapped[Word]
    entry_key: Mapped[Number]
    reach: Mapped[Word | None]
    reason: Mapped[Word]
    size: Mapped[Number | None]
    looked_at: Mapped[Moment | None]
    good_at: Mapped[Moment | None]
    failures: Mapped[int]
    next_at: Mapped[Moment]
    told_at: Mapped[Moment | None]
