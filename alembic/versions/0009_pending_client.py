"""Keep which network an upload that waits came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    # Those that wait already count as one network's.
    op.add_column("pending_upload", sa.Column("client", TEXT, nullable=False, server_default=""))
    with op.batch_alter_table("pending_upload") as table:
        table.alter_column("client", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("pending_upload") as table:
        table.drop_column("client")
