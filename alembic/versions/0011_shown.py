"""Let rows of a log be there and not shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("log", sa.Column("revision", NUMBER, nullable=False, server_default="0"))
    op.add_column("log", sa.Column("filtered_by", TEXT, nullable=False, server_default=""))
    op.add_column("log", sa.Column("judged_at", NUMBER, nullable=False, server_default="0"))
    op.add_column("change", sa.Column("shown", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("follower_cursor", sa.Column("revision", NUMBER, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("follower_cursor", "revision")
    op.drop_column("change", "shown")
    for column in ("judged_at", "filtered_by", "revision"):
        op.drop_column("log", column)
