"""Create the tables of tokens, sessions, groups and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("revoked_at", SECONDS, nullable=True),
        sa.Column("last_used_at", SECONDS, nullable=True),
        sa.CheckConstraint("length(name) = 16", name="ck__token__name"),
        sa.CheckConstraint("length(digest) = 64", name="ck__token__digest"),
        sa.PrimaryKeyConstraint("id", name="pk__token"),
        sa.UniqueConstraint("name", name="uq__token__name"),
    )
    op.create_index("ix__token__owner", "token", ["owner"])
    op.create_table(
        "login_session",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("token_id", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.CheckConstraint("length(digest) = 64", name="ck__login_session__digest"),
        sa.ForeignKeyConstraint(["token_id"], ["token.id"], name="fk__login_session__token_id__token"),
        sa.PrimaryKeyConstraint("id", name="pk__login_session"),
        sa.UniqueConstraint("digest", name="uq__login_session__digest"),
    )
    op.create_index("ix__login_session__token_id", "login_session", ["token_id"])
    op.create_index("ix__login_session__expires_at", "login_session", ["expires_at"])
    op.create_table(
        "access_group",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("deleted_at", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__access_group"),
        sa.UniqueConstraint("name", name="uq__access_group__name"),
    )
    op.create_table(
        "group_member",
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("added_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["access_group.id"], name="fk__group_member__group_id__access_group"
        ),
        sa.PrimaryKeyConstraint("group_id", "owner", name="pk__group_member"),
    )
    op.create_index("ix__group_member__owner", "group_member", ["owner"])
    op.create_table(
        "audit_record",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("details", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__audit_record"),
    )
    op.create_index("ix__audit_record__actor", "audit_record", ["actor"])
    op.create_index("ix__audit_record__action", "audit_record", ["action"])


def downgrade() -> None:
    for table in ("audit_record", "group_member", "access_group", "login_session", "token"):
        op.drop_table(table)
