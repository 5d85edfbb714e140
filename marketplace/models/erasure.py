"""Entries whose content was erased: their rows and leaves stay, and what they said is gone."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, Word


class Erasure(Base):
    """One of them. No name is kept: ``place`` is the SHA-256 of its coordinates in hex, ``series`` that of
    image and endorser; with ``created`` they keep older entries of the series from becoming current again.
    ``statement`` is that of the entry: what makes it again under another certificate is known by it.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("length(place) = 64", name="place"),
        CheckConstraint("length(series) = 64", name="series"),
        CheckConstraint("length(statement) = 64", name="statement"),
        Index(None, "place"),
    )

    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"), primary_key=True, autoincrement=False)
    place: Mapped[Word]
    series: Mapped[Word]
    statement: Mapped[Word]
    created: Mapped[Moment]
    reason: Mapped[Word]
    erased_at: Mapped[Moment]
