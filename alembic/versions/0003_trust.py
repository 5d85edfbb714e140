"""Create the tables of verdicts about certificates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    _certificates_beside()
    _verdicts()
    op.create_table(
        "trust_state",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("refreshed_at", SECONDS, nullable=False),
        sa.CheckConstraint("id = 1", name="ck__trust_state__one_row"),
        sa.PrimaryKeyConstraint("id", name="pk__trust_state"),
    )
    op.create_table(
        "remembered_list",
        sa.Column("id", KEY, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__remembered_list"),
        sa.UniqueConstraint("path", "digest", name="uq__remembered_list__path_digest"),
    )


def _certificates_beside() -> None:
    op.create_table(
        "certificate_beside",
        sa.Column("certificate_id", KEY, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("certificate_id", "fingerprint", name="pk__certificate_beside"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__certificate_beside__certificate_id__certificate"
        ),
    )


def _verdicts() -> None:
    op.create_table(
        "verdict",
        sa.Column("certificate_id", KEY, autoincrement=False, nullable=False),
        sa.Column("standing", TEXT, nullable=False),
        sa.Column("anchor", TEXT, nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("takes_legacy", sa.Boolean(), nullable=False),
        sa.Column("begins", SECONDS, nullable=False),
        sa.Column("ends", SECONDS, nullable=False),
        sa.Column("revoked_since", SECONDS, nullable=True),
        sa.Column("revoked_name", TEXT, nullable=True),
        sa.Column("revoked_reason", TEXT, nullable=True),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("due", SECONDS, nullable=True),
        sa.Column("judged_at", SECONDS, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.PrimaryKeyConstraint("certificate_id", name="pk__verdict"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__verdict__certificate_id__certificate"
        ),
    )
    op.create_index("ix__verdict__revision", "verdict", ["revision"])
    op.create_index("ix__verdict__standing", "verdict", ["standing"])
    op.create_table(
        "verdict_change",
        sa.Column("id", KEY, nullable=False),
        sa.Column("certificate_id", KEY, nullable=False),
        sa.Column("changed_at", SECONDS, nullable=False),
        sa.Column("before", TEXT, nullable=True),
        sa.Column("after", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__verdict_change"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__verdict_change__certificate_id__certificate"
        ),
    )
    op.create_index("ix__verdict_change__certificate_id", "verdict_change", ["certificate_id"])


def downgrade() -> None:
    for table in ("verdict_change", "verdict", "certificate_beside", "remembered_list", "trust_state"):
        op.drop_table(table)
