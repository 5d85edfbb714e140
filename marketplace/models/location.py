"""What looks at the locations of current entries found."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, Word


class WatchedLocation(Base):
    """One location of the entries of one log, by the SHA-256 of its text (64 hex digits).

    Each log is looked at for itself: what is known of a location must not tell others that a group names it.
    ``uri`` is ASCII of at most 2000 characters: PostgreSQL indexes nothing much longer. ``host`` is
    who is asked, with the port where it is not the usual one.

    ``entry_key`` is the latest entry of the log that names it. ``reach`` and what follows are null until
    somebody looked; ``failures`` counts looks in a row that did not find the content.
    """

    __tablename__ = "watched_location"
    __table_args__ = (Index(None, "next_at"), Index(None, "entry_key"), Index(None, "uri"))

    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    digest: Mapped[Word] = mapped_column(primary_key=True)
    uri: Mapped[Word]
    host: Mapped[Word]
    entry_key: Mapped[Number]
    reach: Mapped[Word | None]
    reason: Mapped[Word]
    size: Mapped[Number | None]
    looked_at: Mapped[Moment | None]
    good_at: Mapped[Moment | None]
    failures: Mapped[int]
    next_at: Mapped[Moment]
    told_at: Mapped[Moment | None]
