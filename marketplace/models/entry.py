"""Accepted entries: what the signature covers, as columns, and the received bytes beside them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class Entry(Base):
    """One entry, once, whatever logs it stands in and however its signature is spelled.

    Coordinates are not unique: an endorser who signs two different statements
    with one creation time has both kept and both flagged. ``statement`` stands for
    the content and the public key: two entries that differ only in the certificate
    around the key say the same thing.
    """

    __tablename__ = "entry"
    __table_args__ = (
        UniqueConstraint("entry_id"),
        CheckConstraint("length(entry_id) = 64", name="entry_id"),
        CheckConstraint("length(statement) = 64", name="statement"),
        CheckConstraint("length(identifier) = 27", name="identifier"),
        CheckConstraint("size >= 0", name="size"),
        Index(None, "identifier", "email", "created"),
        Index(None, "email", "created"),
        Index(None, "created"),
    )

    id: Mapped[PrimaryKey]
    entry_id: Mapped[Word]
    statement: Mapped[Word]
    identifier: Mapped[Word]
    email: Mapped[Word]
    created: Mapped[Moment]
    subject: Mapped[Word]
    issuer: Mapped[Word]
    certificate_id: Mapped[Number] = mapped_column(ForeignKey("certificate.id"), index=True)
    size: Mapped[Number]
    type: Mapped[Word]
    valid: Mapped[Moment | None]
    deprecated: Mapped[Word | None]
    title: Mapped[Word | None]
    description: Mapped[Word | None]
    os: Mapped[Word | None]
    os_version: Mapped[Word | None]
    os_arch: Mapped[Word | None]
    kind: Mapped[Word | None]
    format: Mapped[Word | None]
    publisher: Mapped[Word | None]
    version: Mapped[Word | None]
    first_location: Mapped[Word | None]
    has_web: Mapped[bool]
    has_pdisk: Mapped[bool]


class EntryLocation(Base):
    """The places an entry names for the image's content, in document order."""

    __tablename__ = "entry_location"

    entry_key: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    uri: Mapped[Word]


class EntryTag(Base):
    """The tags of an entry, in document order.

    ``digest`` (32 hex digits of the tag's SHA-256) is what the index holds: a
    tag may be 64 Ki long and PostgreSQL indexes no value near that.
    """

    __tablename__ = "entry_tag"
    __table_args__ = (Index(None, "digest"),)

    entry_key: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[Word]
    tag: Mapped[Word]


class EntryChecksum(Base):
    """The checksums of an entry's image but the SHA-1, which the identifier is.

    The value is in the one spelling that lookups compare with: small hex digits.
    """

    __tablename__ = "entry_checksum"
    __table_args__ = (Index(None, "value"),)

    entry_key: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    algorithm: Mapped[Word]
    value: Mapped[Word]


class Twin(Base):
    """An entry beside which another one makes the same statement, under another certificate.

    Nearly no entry has such a twin, so whoever looks for them reads next to nothing.
    """

    __tablename__ = "twin"
    __table_args__ = (Index(None, "statement"),)

    entry_key: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True, autoincrement=False)
    statement: Mapped[Word]


class EntryBody(Base):
    """The bytes of an entry as some log received them.

    An entry id outlives respellings of the signature, so one entry can arrive
    as different bytes in different logs; each log serves the bytes it took.
    Whether the signature is strong is a property of the spelling too. The bytes
    have a table of their own so that scans of entries stay lean.
    """

    __tablename__ = "entry_body"
    __table_args__ = (
        UniqueConstraint("entry_key", "sha256"),
        CheckConstraint("strength IN ('strong', 'legacy')", name="strength"),
    )

    id: Mapped[PrimaryKey]
    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"))
    sha256: Mapped[Word]
    size: Mapped[Number]
    strength: Mapped[Word]
    signature_algorithm: Mapped[Word]
    digest_algorithm: Mapped[Word]
    received_at: Mapped[Moment]
    data: Mapped[bytes]
