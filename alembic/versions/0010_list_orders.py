"""Break ties in the orders of lists by entry id; words are found in memory and need no index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Columns whose length nobody limits: PostgreSQL has no index on them.
UNBOUNDED = ("os", "os_version", "os_arch", "kind", "location", "description", "title")
#: Indexes that end with the key alone, by the columns before it.
ORDERS = {
    "created": ("log_id", "created"),
    "email": ("log_id", "email"),
    "identifier": ("log_id", "identifier"),
}


def _orders() -> dict[str, tuple[str, ...]]:
    unbounded = UNBOUNDED if op.get_bind().dialect.name == "sqlite" else ()
    return ORDERS | {name: ("log_id", name) for name in unbounded}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER IF EXISTS current_search_{event}")
        op.execute("DROP TABLE IF EXISTS current_search")
    for name in (*_orders(), "email_created", "status"):
        op.drop_index(f"ix__current__{name}", "current")
    with op.batch_alter_table("current") as batch:
        batch.add_column(sa.Column("tie", sa.BigInteger(), nullable=True))
    if sqlite:
        # SQLite reads no hexadecimal digits.
        connection = op.get_bind().connection.dbapi_connection
        connection.create_function("tie_of", 1, lambda entry_id: int(entry_id[:15], 16))
        op.execute("UPDATE current SET tie = tie_of(entry_id)")
    else:
        op.execute("UPDATE current SET tie = ('x' || substr(entry_id, 1, 15))::bit(60)::bigint")
    with op.batch_alter_table("current") as batch:
        batch.alter_column("tie", existing_type=sa.BigInteger(), nullable=False)
    for name, columns in _orders().items():
        op.create_index(f"ix__current__{name}", "current", [*columns, "tie", "entry_key"])


def downgrade() -> None:
    for name in _orders():
        op.drop_index(f"ix__current__{name}", "current")
    with op.batch_alter_table("current") as batch:
        batch.drop_column("tie")
    for name, columns in _orders().items():
        extra = ["deprecated", "valid_until", "has_web", "has_pdisk"] if name == "created" else []
        op.create_index(f"ix__current__{name}", "current", [*columns, "entry_key", *extra])
    op.create_index("ix__current__email_created", "current", ["log_id", "email", "created", "entry_key"])
    op.create_index(
        "ix__current__status", "current", ["log_id", "deprecated", "valid_until", "has_web", "has_pdisk"]
    )
