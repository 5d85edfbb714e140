"""The append-only logs: who may see an entry is which logs it stands in."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word

#: Renewals of a log that are kept.
RENEWALS_KEPT = 10_000


class Log(Base):
    """One log per visibility scope; ``next_sequence`` is the counter its numbers are taken from.

    ``revision`` counts how often every follower has to start again, because something was erased.
    ``filtered_by`` stands for the conditions by which it was decided which rows this site shows, and
    ``judged_at`` is the revision of the verdicts they looked at. ``renewals`` counts what was shown,
    hidden, made current or not current any more without a row of the log; see ``RenewalRow``.
    """

    __tablename__ = "log"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("next_sequence >= 0", name="next_sequence"),
    )

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    next_sequence: Mapped[Number]
    revision: Mapped[Number] = mapped_column(server_default="0", default=0)
    filtered_by: Mapped[Word] = mapped_column(server_default="", default="")
    judged_at: Mapped[Number] = mapped_column(server_default="0", default=0)
    renewals: Mapped[Number] = mapped_column(server_default="0", default=0)


class RenewalRow(Base):
    """An image and address of which a log shows or lists other entries than before, though it has no new row.

    Numbered from 0 in each log. Only the newest are kept: a follower that is further behind starts again.
    """

    __tablename__ = "renewal"

    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    number: Mapped[Number] = mapped_column(primary_key=True)
    identifier: Mapped[Word]
    email: Mapped[Word]


class ChangeRow(Base):
    """One row of a log: dense sequence from 0, an entry at most once.

    ``origin``, ``origin_sequence`` and ``origin_time`` (seconds since 1970) are
    another site's claim of where the entry was first accepted; all three are
    absent for one that was accepted here. A row that is not ``shown`` counts in the
    log and for its peers, and for no reader of this site.
    """

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("log_id", "entry_key"),
        CheckConstraint("sequence >= 0", name="sequence"),
        Index(None, "entry_key"),
    )

    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    sequence: Mapped[Number] = mapped_column(primary_key=True)
    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"))
    body_id: Mapped[Number] = mapped_column(ForeignKey("entry_body.id"))
    accepted_at: Mapped[Moment]
    origin: Mapped[Word | None]
    origin_sequence: Mapped[Number | None]
    origin_time: Mapped[Number | None]
    shown: Mapped[bool] = mapped_column(server_default=true(), default=True)


class FollowerCursor(Base):
    """How far a follower has come in a log: the sequence it wants next.

    ``revision`` is that of the log whose rows it took in, ``renewals`` how many of its renewals.
    """

    __tablename__ = "follower_cursor"
    __table_args__ = (CheckConstraint("position >= 0", name="position"),)

    follower: Mapped[Word] = mapped_column(primary_key=True)
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    position: Mapped[Number]
    revision: Mapped[Number] = mapped_column(server_default="0", default=0)
    renewals: Mapped[Number] = mapped_column(server_default="0", default=0)
