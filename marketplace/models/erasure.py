"""Entries whose content was erased: their rows and leaves stay, and what they said is gone."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, Word


class Erasure(Base):
    """An erased entry, without names: ``place`` is the SHA-256 of its coordinates in hex, ``series`` that of
    image and endorser, ``line`` that of both and the key. With ``created`` they keep older entries from
    becoming current again: those of the line, and where the entry was ``trusted`` those of the series.
    ``statement`` is that of the entry: what makes it again under another certificate is known by it.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("length(place) = 64", name="place"),
        CheckConstraint("length(series) = 64", name="series"),
        CheckConstraint("length(line) = 64", name="line"),
        CheckConstraint("length(statement) = 64", name="statement"),
        Index(None, "place"),
    )

    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"), primary_key=True, autoincrement=False)
    place: Mapped[Word]
    series: Mapped[Word]
    line: Mapped[Word]
    trusted: Mapped[bool]
    statement: Mapped[Word]
    created: Mapped[Moment]
    reason: Mapped[Word]
    erased_at: Mapped[Moment]
