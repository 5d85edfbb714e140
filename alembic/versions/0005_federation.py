"""Create the tables of published trees and witnessed checkpoints; let changes tell their origin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    for column in (
        sa.Column("origin", TEXT, nullable=True),
        sa.Column("origin_sequence", KEY, nullable=True),
        sa.Column("origin_time", KEY, nullable=True),
    ):
        op.add_column("change", column)
    op.create_table(
        "tree",
        sa.Column("id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("slug", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("head", sa.Integer(), nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", SECONDS, nullable=False),
        sa.Column("halted", TEXT, nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("size >= 0", name="ck__tree__size"),
        sa.CheckConstraint("epoch >= 1", name="ck__tree__epoch"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__tree__log_id__log"),
        sa.PrimaryKeyConstraint("id", name="pk__tree"),
        sa.UniqueConstraint("origin", name="uq__tree__origin"),
        sa.UniqueConstraint("log_id", "epoch", name="uq__tree__log_id_epoch"),
    )
    op.create_table(
        "leaf",
        sa.Column("tree_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 0", name="ck__leaf__position"),
        sa.ForeignKeyConstraint(["tree_id"], ["tree.id"], name="fk__leaf__tree_id__tree"),
        sa.PrimaryKeyConstraint("tree_id", "position", name="pk__leaf"),
    )
    op.create_table(
        "tile",
        sa.Column("tree_id", KEY, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number >= 0", name="ck__tile__number"),
        sa.ForeignKeyConstraint(["tree_id"], ["tree.id"], name="fk__tile__tree_id__tree"),
        sa.PrimaryKeyConstraint("tree_id", "level", "number", name="pk__tile"),
    )
    op.create_table(
        "cosignature",
        sa.Column("tree_id", KEY, nullable=False),
        sa.Column("witness", TEXT, nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tree_id"], ["tree.id"], name="fk__cosignature__tree_id__tree"),
        sa.PrimaryKeyConstraint("tree_id", "witness", name="pk__cosignature"),
    )
    op.create_table(
        "witnessed",
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", SECONDS, nullable=False),
        sa.CheckConstraint("size >= 0", name="ck__witnessed__size"),
        sa.PrimaryKeyConstraint("origin", name="pk__witnessed"),
        sa.UniqueConstraint("digest", name="uq__witnessed__digest"),
    )


def downgrade() -> None:
    for table in ("witnessed", "cosignature", "tile", "leaf", "tree"):
        op.drop_table(table)
    for column in ("origin_time", "origin_sequence", "origin"):
        op.drop_column("change", column)
