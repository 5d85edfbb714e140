"""Create the table of mirrors: where copies of what never changes in a peer's log may be had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "peer_mirror",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bundles", KEY, nullable=False),
        sa.Column("failures", KEY, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("peer_id", "url", name="pk__peer_mirror"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_mirror__peer_id__peer"),
    )


def downgrade() -> None:
    op.drop_table("peer_mirror")
