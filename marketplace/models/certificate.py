"""Signers' certificates, each stored once however many entries it signed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from marketplace.models.base import Base
from marketplace.models.columns import Moment, PrimaryKey, Word


class Certificate(Base):
    """A certificate whose key verified some entry's signature.

    ``fingerprint`` is the SHA-256 of ``der`` in hex, ``key_digest`` that of its public
    key (SubjectPublicKeyInfo); ``email`` the first rfc822Name, absent where the
    certificate binds no address.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("fingerprint"),
        CheckConstraint("length(key_digest) = 64", name="key_digest"),
    )

    id: Mapped[PrimaryKey]
    fingerprint: Mapped[Word]
    key_digest: Mapped[Word]
    der: Mapped[bytes]
    not_before: Mapped[Moment]
    not_after: Mapped[Moment]
    email: Mapped[Word | None]
