"""Create the tables of pending uploads and outgoing mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pending_upload",
        sa.Column("id", KEY, nullable=False),
        sa.Column("log", TEXT, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("mailbox", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'confirming', 'frozen')", name="ck__pending_upload__state"),
        sa.PrimaryKeyConstraint("id", name="pk__pending_upload"),
        sa.UniqueConstraint("log", "entry_id", name="uq__pending_upload__log_entry_id"),
    )
    op.create_index("ix__pending_upload__log_mailbox", "pending_upload", ["log", "mailbox"])
    op.create_index("ix__pending_upload__fingerprint", "pending_upload", ["fingerprint"])
    op.create_index("ix__pending_upload__expires_at", "pending_upload", ["expires_at"])
    op.create_table(
        "confirmed_endorser",
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("confirmed_at", SECONDS, nullable=False),
        sa.Column("public_at", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", "email", name="pk__confirmed_endorser"),
    )
    op.create_index("ix__confirmed_endorser__email", "confirmed_endorser", ["email"])
    _create_mail()
    op.create_table(
        "reminder_choice",
        sa.Column("email", TEXT, nullable=False),
        sa.Column("monthly", sa.Boolean(), nullable=False),
        sa.Column("warnings", sa.Boolean(), nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("email", name="pk__reminder_choice"),
    )
    op.create_table(
        "reminder_given",
        sa.Column("occasion", TEXT, nullable=False),
        sa.Column("given_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("occasion", name="pk__reminder_given"),
    )


def _create_mail() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("recipient", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("log", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("due_at", SECONDS, nullable=False),
        sa.Column("finished_at", SECONDS, nullable=True),
        sa.Column("claimed_by", TEXT, nullable=True),
        sa.Column("claimed_until", SECONDS, nullable=True),
        sa.Column("last_error", TEXT, nullable=True),
        sa.Column("link_purpose", TEXT, nullable=True),
        sa.Column("pending_id", KEY, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="ck__outgoing_mail__state"),
        sa.ForeignKeyConstraint(
            ["pending_id"],
            ["pending_upload.id"],
            name="fk__outgoing_mail__pending_id__pending_upload",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk__outgoing_mail"),
        sa.UniqueConstraint("key", name="uq__outgoing_mail__key"),
    )
    op.create_index("ix__outgoing_mail__state_due_at", "outgoing_mail", ["state", "due_at"])
    op.create_index("ix__outgoing_mail__pending_id", "outgoing_mail", ["pending_id"])
    op.create_table(
        "mail_link",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("pending_id", KEY, nullable=True),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["pending_id"],
            ["pending_upload.id"],
            name="fk__mail_link__pending_id__pending_upload",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest", name="pk__mail_link"),
    )
    op.create_index("ix__mail_link__expires_at", "mail_link", ["expires_at"])
    op.create_index("ix__mail_link__pending_id", "mail_link", ["pending_id"])
    op.create_index("ix__mail_link__address", "mail_link", ["address"])


def downgrade() -> None:
    for table in (
        "reminder_given",
        "reminder_choice",
        "mail_link",
        "outgoing_mail",
        "confirmed_endorser",
        "pending_upload",
    ):
        op.drop_table(table)
