"""Create the table of checkpoints that were seen of peers' logs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "seen_checkpoint",
        sa.Column("peer_log_id", NUMBER, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("witness", TEXT, nullable=False),
        sa.Column("seen_at", SECONDS, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("withheld_at", SECONDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__seen_checkpoint__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "origin", "size", "root", name="pk__seen_checkpoint"),
    )


def downgrade() -> None:
    op.drop_table("seen_checkpoint")
