"""Create the table of faults: what a peer is asked beside its rows and answers otherwise than it should."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
#: Whole seconds since 1970.
SECONDS = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "peer_fault",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("question", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("peer_id", "question", "origin", name="pk__peer_fault"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_fault__peer_id__peer"),
    )


def downgrade() -> None:
    op.drop_table("peer_fault")
