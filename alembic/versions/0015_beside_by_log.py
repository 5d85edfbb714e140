"""Tell by which log's entries a certificate came beside another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.execute("CREATE TABLE old_beside AS SELECT * FROM certificate_beside")
    op.drop_table("certificate_beside")
    op.create_table(
        "certificate_beside",
        sa.Column("certificate_id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("certificate_id", "log_id", "fingerprint", name="pk__certificate_beside"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__certificate_beside__certificate_id__certificate"
        ),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__certificate_beside__log_id__log"),
    )
    # Of which log's entries they came is not known any more: of the youngest that has some, so that
    # what a group brought is not taken for public.
    op.execute(
        "INSERT INTO certificate_beside (certificate_id, log_id, fingerprint, der) "
        "SELECT old.certificate_id, (SELECT max(change.log_id) FROM change JOIN entry "
        "ON entry.id = change.entry_key WHERE entry.certificate_id = old.certificate_id), "
        "old.fingerprint, old.der FROM old_beside AS old WHERE EXISTS (SELECT 1 FROM change JOIN entry "
        "ON entry.id = change.entry_key WHERE entry.certificate_id = old.certificate_id)"
    )
    op.drop_table("old_beside")
    # Every verdict is made anew by what is known now.
    op.execute("UPDATE verdict SET due = 0")


def downgrade() -> None:
    op.execute("CREATE TABLE new_beside AS SELECT * FROM certificate_beside")
    op.drop_table("certificate_beside")
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
    op.execute(
        "INSERT INTO certificate_beside (certificate_id, fingerprint, der) "
        "SELECT DISTINCT certificate_id, fingerprint, der FROM new_beside"
    )
    op.drop_table("new_beside")
