"""Create the tables of entries and logs, and the public log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
UNBOUNDED = ("os", "os_version", "os_arch", "kind", "location", "description", "title")


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", SECONDS, nullable=False),
        sa.Column("not_after", SECONDS, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__certificate"),
        sa.UniqueConstraint("fingerprint", name="uq__certificate__fingerprint"),
    )
    op.create_table(
        "log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("next_sequence", KEY, nullable=False),
        sa.CheckConstraint("next_sequence >= 0", name="ck__log__next_sequence"),
        sa.PrimaryKeyConstraint("id", name="pk__log"),
        sa.UniqueConstraint("name", name="uq__log__name"),
    )
    op.create_table(
        "entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("statement", TEXT, nullable=False),
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("certificate_id", KEY, nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("valid", SECONDS, nullable=True),
        sa.Column("deprecated", TEXT, nullable=True),
        sa.Column("title", TEXT, nullable=True),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("os", TEXT, nullable=True),
        sa.Column("os_version", TEXT, nullable=True),
        sa.Column("os_arch", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("format", TEXT, nullable=True),
        sa.Column("publisher", TEXT, nullable=True),
        sa.Column("version", TEXT, nullable=True),
        sa.Column("first_location", TEXT, nullable=True),
        sa.Column("has_web", sa.Boolean(), nullable=False),
        sa.Column("has_pdisk", sa.Boolean(), nullable=False),
        sa.CheckConstraint("length(entry_id) = 64", name="ck__entry__entry_id"),
        sa.CheckConstraint("length(statement) = 64", name="ck__entry__statement"),
        sa.CheckConstraint("length(identifier) = 27", name="ck__entry__identifier"),
        sa.CheckConstraint("size >= 0", name="ck__entry__size"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__entry__certificate_id__certificate"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__entry"),
        sa.UniqueConstraint("entry_id", name="uq__entry__entry_id"),
    )
    op.create_index("ix__entry__certificate_id", "entry", ["certificate_id"])
    op.create_index("ix__entry__email_created", "entry", ["email", "created"])
    op.create_index("ix__entry__identifier_email_created", "entry", ["identifier", "email", "created"])

    op.create_table(
        "follower_cursor",
        sa.Column("follower", TEXT, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.CheckConstraint("position >= 0", name="ck__follower_cursor__position"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__follower_cursor__log_id__log"),
        sa.PrimaryKeyConstraint("follower", "log_id", name="pk__follower_cursor"),
    )
    op.create_table(
        "current",
        sa.Column("id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column("valid_until", SECONDS, nullable=False),
        sa.Column("has_web", sa.Boolean(), nullable=False),
        sa.Column("has_pdisk", sa.Boolean(), nullable=False),
        sa.Column("os", TEXT, nullable=True),
        sa.Column("os_version", TEXT, nullable=True),
        sa.Column("os_arch", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("location", TEXT, nullable=True),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("title", TEXT, nullable=True),
        sa.Column("os_folded", TEXT, nullable=True),
        sa.Column("os_version_folded", TEXT, nullable=True),
        sa.Column("os_arch_folded", TEXT, nullable=True),
        sa.Column("kind_folded", TEXT, nullable=True),
        sa.Column("email_folded", TEXT, nullable=False),
        sa.Column("search_text", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__current__entry_key__entry"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__current__log_id__log"),
        sa.PrimaryKeyConstraint("id", name="pk__current"),
        sa.UniqueConstraint("log_id", "identifier", "email", name="uq__current__log_id_identifier_email"),
    )
    op.create_index("ix__current__coordinates", "current", ["identifier", "email"])
    op.create_index(
        "ix__current__created",
        "current",
        ["log_id", "created", "entry_key", "deprecated", "valid_until", "has_web", "has_pdisk"],
    )
    op.create_index("ix__current__email_created", "current", ["log_id", "email", "created", "entry_key"])
    op.create_index("ix__current__email", "current", ["log_id", "email", "entry_key"])
    op.create_index("ix__current__entry", "current", ["entry_key"])
    op.create_index("ix__current__identifier", "current", ["log_id", "identifier", "entry_key"])
    op.create_index(
        "ix__current__status", "current", ["log_id", "deprecated", "valid_until", "has_web", "has_pdisk"]
    )
    op.create_index("ix__current__valid_until", "current", ["log_id", "valid_until"])

    op.create_table(
        "entry_body",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("strength", TEXT, nullable=False),
        sa.Column("signature_algorithm", TEXT, nullable=False),
        sa.Column("digest_algorithm", TEXT, nullable=False),
        sa.Column("received_at", SECONDS, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("strength IN ('strong', 'legacy')", name="ck__entry_body__strength"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_body__entry_key__entry"),
        sa.PrimaryKeyConstraint("id", name="pk__entry_body"),
        sa.UniqueConstraint("entry_key", "sha256", name="uq__entry_body__entry_key_sha256"),
    )
    op.create_table(
        "entry_location",
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("uri", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_location__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", "position", name="pk__entry_location"),
    )
    op.create_table(
        "entry_tag",
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_tag__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", "position", name="pk__entry_tag"),
    )
    op.create_index("ix__entry_tag__digest", "entry_tag", ["digest"])

    op.create_table(
        "change",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("body_id", KEY, nullable=False),
        sa.Column("accepted_at", SECONDS, nullable=False),
        sa.CheckConstraint("sequence >= 0", name="ck__change__sequence"),
        sa.ForeignKeyConstraint(["body_id"], ["entry_body.id"], name="fk__change__body_id__entry_body"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__change__entry_key__entry"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__change__log_id__log"),
        sa.PrimaryKeyConstraint("log_id", "sequence", name="pk__change"),
        sa.UniqueConstraint("log_id", "entry_key", name="uq__change__log_id_entry_key"),
    )
    op.create_index("ix__change__entry_key", "change", ["entry_key"])

    if op.get_bind().dialect.name == "sqlite":
        # PostgreSQL refuses index rows of a few kilobytes, and nobody limits these texts.
        for name in UNBOUNDED:
            op.create_index(f"ix__current__{name}", "current", ["log_id", name, "entry_key"])
        _index_trigrams()
    op.execute(sa.text("INSERT INTO log (name, next_sequence) VALUES ('public', 0)"))


def _index_trigrams() -> None:
    """Let SQLite find words inside texts, where it was built with FTS5."""
    options = {name for (name,) in op.get_bind().execute(sa.text("PRAGMA compile_options"))}
    if "ENABLE_FTS5" not in options:
        return
    op.execute(
        "CREATE VIRTUAL TABLE current_search USING fts5(search_text, content='current', content_rowid='id',"
        " tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
    )
    forget = (
        "INSERT INTO current_search (current_search, rowid, search_text)"
        " VALUES ('delete', old.id, old.search_text);"
    )
    learn = "INSERT INTO current_search (rowid, search_text) VALUES (new.id, new.search_text);"
    for name, event, actions in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", "UPDATE OF search_text", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER current_search_{name} AFTER {event} ON current BEGIN {actions} END")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE IF EXISTS current_search")
    tables = ("change", "entry_tag", "entry_location", "entry_body", "current", "follower_cursor", "entry")
    for table in (*tables, "log", "certificate"):
        op.drop_table(table)
