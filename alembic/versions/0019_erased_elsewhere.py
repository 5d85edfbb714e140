"""Keep which missing bodies their own site erased, and up to when each peer was asked for those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

#: Whole seconds since 1970.
SECONDS = sa.BigInteger()


def upgrade() -> None:
    with op.batch_alter_table("peer_wanted") as table:
        table.add_column(sa.Column("erased_at", SECONDS, nullable=True))
        table.create_index("ix__peer_wanted__erased_at", ["erased_at"])
    with op.batch_alter_table("peer") as table:
        table.add_column(sa.Column("asked_until", SECONDS, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("peer") as table:
        table.drop_column("asked_until")
    with op.batch_alter_table("peer_wanted") as table:
        table.drop_index("ix__peer_wanted__erased_at")
        table.drop_column("erased_at")
