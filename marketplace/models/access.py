"""Who may do what here: tokens, sessions, groups with their members, and the record of what was done."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class TokenRow(Base):
    """A bearer token; its secret is known to its owner only.

    ``name`` (16 hex digits) is public: lists show it, and it finds the row.
    ``digest`` is the SHA-256 of the whole secret in hex. ``scopes`` are words
    in alphabetical order with spaces between. ``made_with`` is the token whose holder
    made this one: it goes when that one is revoked.
    """

    __tablename__ = "token"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("length(name) = 16", name="name"),
        CheckConstraint("length(digest) = 64", name="digest"),
        Index(None, "owner"),
        Index(None, "made_with"),
    )

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    digest: Mapped[Word]
    owner: Mapped[Word]
    scopes: Mapped[Word]
    note: Mapped[Word]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]
    made_with: Mapped[Number | None] = mapped_column(ForeignKey("token.id"))


class LoginSession(Base):
    """Somebody signed in with a browser: lends rights to a cookie until it ends.

    They are those of a token (``token_id``), or those that a sign-in provider gave: then
    ``owner``, ``issuer``, ``subject``, ``scopes`` and ``group_names`` say whose and which, the last two
    as words in alphabetical order with spaces between.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("length(digest) = 64", name="digest"),
        CheckConstraint("(token_id IS NULL) <> (owner IS NULL)", name="token_or_owner"),
        Index(None, "token_id"),
        Index(None, "owner"),
        Index(None, "expires_at"),
    )

    id: Mapped[PrimaryKey]
    digest: Mapped[Word]
    token_id: Mapped[Number | None] = mapped_column(ForeignKey("token.id"))
    owner: Mapped[Word | None]
    issuer: Mapped[Word | None]
    subject: Mapped[Word | None]
    scopes: Mapped[Word | None]
    group_names: Mapped[Word | None]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]


class UsedSignIn(Base):
    """A sign-in by a provider that was answered once: the same answer signs nobody in again."""

    __tablename__ = "used_sign_in"
    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest"), Index(None, "used_at"))

    digest: Mapped[Word] = mapped_column(primary_key=True)
    used_at: Mapped[Moment]


class AccessGroup(Base):
    """A group of people who share a log named ``group:NAME``.

    The name of a deleted group stays taken: whoever got it anew would get to
    see what the old members kept in the log.
    """

    __tablename__ = "access_group"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    created_at: Mapped[Moment]
    deleted_at: Mapped[Moment | None]


class GroupMember(Base):
    """An owner of tokens who belongs to a group."""

    __tablename__ = "group_member"
    __table_args__ = (Index(None, "owner"),)

    group_id: Mapped[Number] = mapped_column(ForeignKey("access_group.id"), primary_key=True)
    owner: Mapped[Word] = mapped_column(primary_key=True)
    added_at: Mapped[Moment]


class AuditRecord(Base):
    """One administrative or private act: who did what to what, never changed afterwards.

    ``details`` is a JSON object of short values; secrets are kept out by ``marketplace.audit``.
    """

    __tablename__ = "audit_record"
    __table_args__ = (Index(None, "actor"), Index(None, "action"))

    id: Mapped[PrimaryKey]
    at: Mapped[Moment]
    actor: Mapped[Word]
    action: Mapped[Word]
    subject: Mapped[Word]
    details: Mapped[Word]
