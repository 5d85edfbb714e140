"""Create the table of entries whose content was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("entry_key", NUMBER, nullable=False, autoincrement=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("series", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("erased_at", SECONDS, nullable=False),
        sa.CheckConstraint("length(place) = 64", name="ck__erasure__place"),
        sa.CheckConstraint("length(series) = 64", name="ck__erasure__series"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__erasure__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", name="pk__erasure"),
    )
    op.create_index("ix__erasure__place", "erasure", ["place"])


def downgrade() -> None:
    op.drop_table("erasure")
