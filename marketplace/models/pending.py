"""Uploads that wait for their endorser's word, and endorsers who have given it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, PrimaryKey, Word


class PendingUpload(Base):
    """An accepted entry that is in no log yet.

    ``log`` is where it goes once confirmed; ``mailbox`` is what the address is counted
    under, ``client`` the network it came from; ``confirming`` means that its endorser
    agreed and the log has not answered yet; a ``frozen`` one was reported and waits for
    the operator.
    """

    __tablename__ = "pending_upload"
    __table_args__ = (
        UniqueConstraint("log", "entry_id"),
        CheckConstraint("state IN ('waiting', 'confirming', 'frozen')", name="state"),
        Index(None, "log", "mailbox"),
        Index(None, "fingerprint"),
        Index(None, "expires_at"),
    )

    id: Mapped[PrimaryKey]
    log: Mapped[Word]
    entry_id: Mapped[Word]
    email: Mapped[Word]
    mailbox: Mapped[Word]
    client: Mapped[Word]
    fingerprint: Mapped[Word]
    state: Mapped[Word]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    data: Mapped[bytes]


class ConfirmedEndorser(Base):
    """A certificate whose use somebody confirmed who reads the address's mail.

    ``public_at`` is when that was about an upload to the public log, which may be told.
    """

    __tablename__ = "confirmed_endorser"
    __table_args__ = (Index(None, "email"),)

    fingerprint: Mapped[Word] = mapped_column(primary_key=True)
    email: Mapped[Word] = mapped_column(primary_key=True)
    confirmed_at: Mapped[Moment]
    public_at: Mapped[Moment | None]
