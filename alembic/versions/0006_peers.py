"""Create the tables of peers and of what is pulled from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "peer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("log_key", TEXT, nullable=False),
        sa.Column("auth_key", TEXT, nullable=True),
        sa.Column("added_at", SECONDS, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("contacted_at", SECONDS, nullable=True),
        sa.Column("clock_offset", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__peer"),
        sa.UniqueConstraint("name", name="uq__peer__name"),
        sa.UniqueConstraint("url", name="uq__peer__url"),
    )
    op.create_table(
        "peer_log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reached", KEY, nullable=False),
        sa.Column("reached_frontier", sa.LargeBinary(), nullable=False),
        sa.Column("proven", KEY, nullable=False),
        sa.Column("proven_frontier", sa.LargeBinary(), nullable=False),
        sa.Column("covered", KEY, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("failed_at", SECONDS, nullable=True),
        sa.Column("succeeded_at", SECONDS, nullable=True),
        sa.Column("compared_at", SECONDS, nullable=True),
        sa.Column("entries", KEY, nullable=False),
        sa.Column("received", KEY, nullable=False),
        sa.CheckConstraint(
            "proven >= 0 AND reached >= proven AND covered >= reached", name="ck__peer_log__progress"
        ),
        sa.CheckConstraint(
            "state IN ('new', 'bootstrap', 'tailing', 'backoff', 'quarantined')", name="ck__peer_log__state"
        ),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__peer_log__log_id__log"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_log__peer_id__peer"),
        sa.PrimaryKeyConstraint("id", name="pk__peer_log"),
        sa.UniqueConstraint("peer_id", "origin", name="uq__peer_log__peer_id_origin"),
    )
    op.create_table(
        "peer_wanted",
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("origin_sequence", KEY, nullable=False),
        sa.Column("origin_time", KEY, nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.Column("retry_at", SECONDS, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_wanted__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "sequence", name="pk__peer_wanted"),
    )
    op.create_index("ix__peer_wanted__entry_id", "peer_wanted", ["entry_id"])
    op.create_table(
        "peer_rejected",
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("rejected_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_rejected__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "sequence", name="pk__peer_rejected"),
    )
    op.create_index("ix__peer_rejected__entry_id", "peer_rejected", ["entry_id"])
    op.create_table(
        "peer_evidence",
        sa.Column("id", KEY, nullable=False),
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("found_at", SECONDS, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("first", TEXT, nullable=False),
        sa.Column("second", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_evidence__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__peer_evidence"),
    )
    op.create_index("ix__peer_evidence__peer_log_id", "peer_evidence", ["peer_log_id"])
    op.create_table(
        "peer_grant",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("granted_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__peer_grant__log_id__log"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_grant__peer_id__peer"),
        sa.PrimaryKeyConstraint("peer_id", "log_id", name="pk__peer_grant"),
    )


def downgrade() -> None:
    for table in ("peer_grant", "peer_evidence", "peer_rejected", "peer_wanted", "peer_log", "peer"):
        op.drop_table(table)
