"""Keep what statement was erased, so that it is known under another certificate too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    # What was erased before this is known by its id only, which no statement equals.
    with op.batch_alter_table("erasure") as table:
        table.add_column(sa.Column("statement", TEXT, nullable=False, server_default=""))
    op.execute(
        "UPDATE erasure SET statement = (SELECT entry.entry_id FROM entry WHERE entry.id = erasure.entry_key)"
    )
    with op.batch_alter_table("erasure") as table:
        table.alter_column("statement", server_default=None)
        table.create_check_constraint("ck__erasure__statement", "length(statement) = 64")


def downgrade() -> None:
    with op.batch_alter_table("erasure") as table:
        table.drop_constraint("ck__erasure__statement", type_="check")
        table.drop_column("statement")
