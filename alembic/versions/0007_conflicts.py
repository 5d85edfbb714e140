"""Create the table of coordinates at which entries contradict each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "conflict_place",
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("noticed_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("identifier", "email", "created", name="pk__conflict_place"),
    )


def downgrade() -> None:
    op.drop_table("conflict_place")
