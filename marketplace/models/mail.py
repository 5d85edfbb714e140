"""Outgoing mail, and the secret links in it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, Word
from marketplace.models.owed import Owed


class OutgoingMail(Owed, Base):
    """A mail to one recipient, from the moment it is owed until long after it went out.

    ``key`` names its occasion: a second mail for the same one is not taken in.
    ``log`` is the log it tells of, so that figures everybody sees count public ones
    only. The body is emptied when the mail has gone. ``link_purpose`` says what a secret link
    in it is for; the secret itself is made when it is sent.
    """

    __tablename__ = "outgoing_mail"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
        Index(None, "state", "due_at"),
        Index(None, "pending_id"),
    )

    key: Mapped[Word]
    recipient: Mapped[Word]
    subject: Mapped[Word]
    body: Mapped[Word]
    log: Mapped[Word]
    link_purpose: Mapped[Word | None]
    pending_id: Mapped[Number | None] = mapped_column(ForeignKey("pending_upload.id", ondelete="SET NULL"))


class MailLink(Base):
    """What a secret link of a mail allows; ``digest`` is the SHA-256 of the secret in hex."""

    __tablename__ = "mail_link"
    __table_args__ = (Index(None, "expires_at"), Index(None, "pending_id"), Index(None, "address"))

    digest: Mapped[Word] = mapped_column(primary_key=True)
    purpose: Mapped[Word]
    address: Mapped[Word]
    pending_id: Mapped[Number | None] = mapped_column(ForeignKey("pending_upload.id", ondelete="CASCADE"))
    expires_at: Mapped[Moment]
