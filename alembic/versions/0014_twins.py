"""Create the table of entries that make the same statement under different certificates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "twin",
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("statement", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__twin__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", name="pk__twin"),
    )
    op.create_index("ix__twin__statement", "twin", ["statement"])
    op.execute(
        "INSERT INTO twin (entry_key, statement) SELECT id, statement FROM entry WHERE statement IN "
        "(SELECT statement FROM entry GROUP BY statement HAVING count(*) > 1)"
    )


def downgrade() -> None:
    op.drop_table("twin")
