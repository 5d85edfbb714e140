"""Keep the HEPiX image lists of views that endorsers signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
kind = "expand"

SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "view_list",
        sa.Column("view", TEXT, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("certificates", sa.LargeBinary(), nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("expires", SECONDS, nullable=False),
        sa.Column("uploaded_at", SECONDS, nullable=False),
        sa.Column("uploaded_by", TEXT, nullable=False),
        sa.CheckConstraint("length(digest) = 64", name="ck__view_list__digest"),
        sa.PrimaryKeyConstraint("view", name="pk__view_list"),
    )
