"""Let whoever writes the lists keep the index of their words: a trigger made it cost more than all the rest.

The trigger for deleted rows stays. Nothing deletes them, and an index that still
named one would be wrong about the next row of that number.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FORGET = (
    "INSERT INTO current_search (current_search, rowid, search_text)"
    " VALUES ('delete', old.id, old.search_text);"
)
_LEARN = "INSERT INTO current_search (rowid, search_text) VALUES (new.id, new.search_text);"


def upgrade() -> None:
    if _has_index():
        op.execute("DROP TRIGGER current_search_insert")
        op.execute("DROP TRIGGER current_search_update")


def downgrade() -> None:
    if _has_index():
        for name, event, actions in (
            ("insert", "INSERT", _LEARN),
            ("update", "UPDATE OF search_text", _FORGET + _LEARN),
        ):
            op.execute(f"CREATE TRIGGER current_search_{name} AFTER {event} ON current BEGIN {actions} END")


def _has_index() -> bool:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return False
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'current_search'"
    return bool(connection.execute(sa.text(query)).scalar())
