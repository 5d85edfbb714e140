"""What cloud sites say of images under their own signatures, and the keys that they sign with."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class CloudSite(Base):
    """A site and its key (``NAME+hex8+base64``): who bound the key, and with which token, if with one."""

    __tablename__ = "cloud_site"
    __table_args__ = (UniqueConstraint("name"), Index(None, "token"))

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    key: Mapped[Word]
    bound_at: Mapped[Moment]
    bound_by: Mapped[Word]
    token: Mapped[Word | None]


class SiteReceipt(Base):
    """The latest that a site said of an entry and one of its stores, or of one location.

    ``about`` is ``store:NAME`` or ``location:`` with the location's digest. ``note`` is the signed
    receipt as it came. ``told_at`` is when the endorser was told of it.
    """

    __tablename__ = "site_receipt"
    __table_args__ = (
        CheckConstraint("finding IN ('available', 'withdrawn', 'mismatch', 'unreachable')", name="finding"),
        Index(None, "entry_key"),
        Index(None, "finding", "entry_key"),
    )

    site_id: Mapped[Number] = mapped_column(ForeignKey("cloud_site.id"), primary_key=True)
    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    about: Mapped[Word] = mapped_column(primary_key=True)
    finding: Mapped[Word]
    store: Mapped[Word]
    kind: Mapped[Word]
    location: Mapped[Word | None]
    reason: Mapped[Word | None]
    at: Mapped[Moment]
    received_at: Mapped[Moment]
    told_at: Mapped[Moment | None]
    note: Mapped[Word]
