"""What a site holds of certificates, and what it was told about them. All of it can be judged anew."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class IntermediateCertificate(Base):
    """A certificate that came with a signer's certificate; paths to an anchor may lead through it.

    By the log whose entries brought it: what a group's bring is not known to others.
    """

    __tablename__ = "certificate_beside"

    certificate_id: Mapped[Number] = mapped_column(ForeignKey("certificate.id"), primary_key=True)
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    fingerprint: Mapped[Word] = mapped_column(primary_key=True)
    der: Mapped[bytes] = mapped_column(LargeBinary)


class VerdictRow(Base):
    """How a certificate stands at this site, for all its entries.

    ``basis`` stands for the anchors, lists and policy it was judged by, and
    ``due`` is when the clock alone may change it. ``begins`` and ``ends`` are
    when every certificate of the path is in date, the signer's own period where
    there is no path. ``revision`` numbers the change that made the row what it is.
    """

    __tablename__ = "verdict"
    __table_args__ = (Index(None, "revision"), Index(None, "standing"))

    certificate_id: Mapped[Number] = mapped_column(
        ForeignKey("certificate.id"), primary_key=True, autoincrement=False
    )
    standing: Mapped[Word]
    anchor: Mapped[Word | None]
    pinned: Mapped[bool]
    listed: Mapped[bool]
    takes_legacy: Mapped[bool]
    begins: Mapped[Moment]
    ends: Mapped[Moment]
    revoked_since: Mapped[Moment | None]
    revoked_name: Mapped[Word | None]
    revoked_reason: Mapped[Word | None]
    basis: Mapped[Word]
    due: Mapped[Moment | None]
    judged_at: Mapped[Moment]
    revision: Mapped[Number]


class VerdictChange(Base):
    """When a certificate's standing changed here; ``before`` is absent for the first one."""

    __tablename__ = "verdict_change"
    __table_args__ = (Index(None, "certificate_id"),)

    id: Mapped[PrimaryKey]
    certificate_id: Mapped[Number] = mapped_column(ForeignKey("certificate.id"))
    changed_at: Mapped[Moment]
    before: Mapped[Word | None]
    after: Mapped[Word]


class TrustState(Base):
    """The one row that says how far the verdicts are: ``revision`` counts their changes.

    ``settings`` stands for those of the process that came last: a server that started, or a command.
    ``followed`` is the revision up to which the tables of current entries follow them.
    """

    __tablename__ = "trust_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[PrimaryKey] = mapped_column(autoincrement=False)
    revision: Mapped[Number]
    basis: Mapped[Word]
    settings: Mapped[Word] = mapped_column(default="")
    refreshed_at: Mapped[Moment]
    followed: Mapped[Number] = mapped_column(server_default="0", default=0)


class RememberedList(Base):
    """A revocation list that was in force, so that its file cannot vanish unnoticed while nobody runs."""

    __tablename__ = "remembered_list"
    __table_args__ = (UniqueConstraint("path", "digest"),)

    id: Mapped[PrimaryKey]
    path: Mapped[Word]
    digest: Mapped[Word]
    der: Mapped[bytes] = mapped_column(LargeBinary)
