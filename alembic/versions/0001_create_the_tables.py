"""Create the tables, and the public log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
#: Everything is new: no older version can be at work.
kind = "expand"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger()
#: Compares by code point on both databases.
TEXT = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
#: Columns of lists whose length nobody limits. PostgreSQL refuses index rows of a few kilobytes.
UNBOUNDED = ("os", "os_version", "os_arch", "kind", "location", "description", "title")


def upgrade() -> None:
    op.create_table(
        "access_group",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("deleted_at", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__access_group"),
        sa.UniqueConstraint("name", name="uq__access_group__name"),
    )
    op.create_table(
        "audit_record",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("details", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__audit_record"),
    )
    op.create_index("ix__audit_record__action", "audit_record", ["action"])
    op.create_index("ix__audit_record__actor", "audit_record", ["actor"])
    op.create_table(
        "background_lease",
        sa.Column("id", KEY, nullable=False),
        sa.Column("term", KEY, nullable=False),
        sa.Column("node", TEXT, nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.Column("until_ms", KEY, nullable=False),
        sa.Column("asked", KEY, nullable=False),
        sa.CheckConstraint("id = 1", name="ck__background_lease__one"),
        sa.PrimaryKeyConstraint("id", name="pk__background_lease"),
    )
    op.create_table(
        "certificate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("key_digest", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", SECONDS, nullable=False),
        sa.Column("not_after", SECONDS, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.CheckConstraint("length(key_digest) = 64", name="ck__certificate__key_digest"),
        sa.PrimaryKeyConstraint("id", name="pk__certificate"),
        sa.UniqueConstraint("fingerprint", name="uq__certificate__fingerprint"),
    )
    op.create_table(
        "confirmed_endorser",
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("confirmed_at", SECONDS, nullable=False),
        sa.Column("public_at", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", "email", name="pk__confirmed_endorser"),
    )
    op.create_index("ix__confirmed_endorser__email", "confirmed_endorser", ["email"])
    op.create_table(
        "cloud_site",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("bound_at", SECONDS, nullable=False),
        sa.Column("bound_by", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__cloud_site"),
        sa.UniqueConstraint("name", name="uq__cloud_site__name"),
    )
    op.create_index("ix__cloud_site__token", "cloud_site", ["token"])
    op.create_table(
        "conflict_place",
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("created", SECONDS, autoincrement=False, nullable=False),
        sa.Column("noticed_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("identifier", "email", "created", name="pk__conflict_place"),
    )
    op.create_table(
        "limit_bucket",
        sa.Column("caller", TEXT, nullable=False),
        sa.Column("turns", sa.Double(), nullable=False),
        sa.Column("size", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("caller", name="pk__limit_bucket"),
    )
    op.create_index("ix__limit_bucket__at", "limit_bucket", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        # Nobody misses it after a crash or on another machine, and each upload would wait for it less.
        op.execute(sa.text("ALTER TABLE limit_bucket SET UNLOGGED"))
    op.create_table(
        "log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("next_sequence", KEY, nullable=False),
        sa.Column("revision", KEY, server_default="0", nullable=False),
        sa.Column("filtered_by", TEXT, server_default="", nullable=False),
        sa.Column("judged_at", KEY, server_default="0", nullable=False),
        sa.Column("renewals", KEY, server_default="0", nullable=False),
        sa.CheckConstraint("next_sequence >= 0", name="ck__log__next_sequence"),
        sa.PrimaryKeyConstraint("id", name="pk__log"),
        sa.UniqueConstraint("name", name="uq__log__name"),
    )
    op.create_table(
        "peer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("log_key", TEXT, nullable=False),
        sa.Column("auth_key", TEXT, nullable=True),
        sa.Column("added_at", SECONDS, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("contacted_at", SECONDS, nullable=True),
        sa.Column("clock_offset", sa.Integer(), nullable=True),
        sa.Column("asked_until", SECONDS, nullable=True),
        sa.Column("follows", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__peer"),
        sa.UniqueConstraint("name", name="uq__peer__name"),
        sa.UniqueConstraint("url", name="uq__peer__url"),
    )
    op.create_table(
        "pending_upload",
        sa.Column("id", KEY, nullable=False),
        sa.Column("log", TEXT, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("mailbox", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'confirming', 'frozen')", name="ck__pending_upload__state"),
        sa.PrimaryKeyConstraint("id", name="pk__pending_upload"),
        sa.UniqueConstraint("log", "entry_id", name="uq__pending_upload__log_entry_id"),
    )
    op.create_index("ix__pending_upload__expires_at", "pending_upload", ["expires_at"])
    op.create_index("ix__pending_upload__fingerprint", "pending_upload", ["fingerprint"])
    op.create_index("ix__pending_upload__log_mailbox", "pending_upload", ["log", "mailbox"])
    op.create_table(
        "remembered_list",
        sa.Column("id", KEY, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__remembered_list"),
        sa.UniqueConstraint("path", "digest", name="uq__remembered_list__path_digest"),
    )
    op.create_table(
        "reminder_choice",
        sa.Column("email", TEXT, nullable=False),
        sa.Column("monthly", sa.Boolean(), nullable=False),
        sa.Column("warnings", sa.Boolean(), nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("email", name="pk__reminder_choice"),
    )
    op.create_table(
        "reminder_given",
        sa.Column("occasion", TEXT, nullable=False),
        sa.Column("given_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("occasion", name="pk__reminder_given"),
    )
    op.create_table(
        "watched_location",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("uri", TEXT, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("reach", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("size", KEY, nullable=True),
        sa.Column("looked_at", SECONDS, nullable=True),
        sa.Column("good_at", SECONDS, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", SECONDS, nullable=False),
        sa.Column("told_at", SECONDS, nullable=True),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__watched_location__log_id__log"),
        sa.PrimaryKeyConstraint("log_id", "digest", name="pk__watched_location"),
    )
    op.create_index("ix__watched_location__entry_key", "watched_location", ["entry_key"])
    op.create_index("ix__watched_location__next_at", "watched_location", ["next_at"])
    op.create_index("ix__watched_location__uri", "watched_location", ["uri"])
    op.create_table(
        "token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("revoked_at", SECONDS, nullable=True),
        sa.Column("last_used_at", SECONDS, nullable=True),
        sa.Column("made_with", KEY, nullable=True),
        sa.CheckConstraint("length(digest) = 64", name="ck__token__digest"),
        sa.CheckConstraint("length(name) = 16", name="ck__token__name"),
        sa.ForeignKeyConstraint(["made_with"], ["token.id"], name="fk__token__made_with__token"),
        sa.PrimaryKeyConstraint("id", name="pk__token"),
        sa.UniqueConstraint("name", name="uq__token__name"),
    )
    op.create_index("ix__token__made_with", "token", ["made_with"])
    op.create_index("ix__token__owner", "token", ["owner"])
    op.create_table(
        "trust_state",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("settings", TEXT, nullable=False),
        sa.Column("refreshed_at", SECONDS, nullable=False),
        sa.Column("followed", KEY, server_default="0", nullable=False),
        sa.CheckConstraint("id = 1", name="ck__trust_state__one_row"),
        sa.PrimaryKeyConstraint("id", name="pk__trust_state"),
    )
    op.create_table(
        "used_sign_in",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("used_at", SECONDS, nullable=False),
        sa.CheckConstraint("length(digest) = 64", name="ck__used_sign_in__digest"),
        sa.PrimaryKeyConstraint("digest", name="pk__used_sign_in"),
    )
    op.create_index("ix__used_sign_in__used_at", "used_sign_in", ["used_at"])
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
    op.create_table(
        "certificate_beside",
        sa.Column("certificate_id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__certificate_beside__certificate_id__certificate"
        ),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__certificate_beside__log_id__log"),
        sa.PrimaryKeyConstraint("certificate_id", "log_id", "fingerprint", name="pk__certificate_beside"),
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
        sa.CheckConstraint("length(identifier) = 27", name="ck__entry__identifier"),
        sa.CheckConstraint("length(statement) = 64", name="ck__entry__statement"),
        sa.CheckConstraint("size >= 0", name="ck__entry__size"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__entry__certificate_id__certificate"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__entry"),
        sa.UniqueConstraint("entry_id", name="uq__entry__entry_id"),
    )
    op.create_index("ix__entry__certificate_id", "entry", ["certificate_id"])
    op.create_index("ix__entry__created", "entry", ["created"])
    op.create_index("ix__entry__email_created", "entry", ["email", "created"])
    op.create_index("ix__entry__identifier_email_created", "entry", ["identifier", "email", "created"])
    op.create_table(
        "follower_cursor",
        sa.Column("follower", TEXT, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("revision", KEY, server_default="0", nullable=False),
        sa.Column("renewals", KEY, server_default="0", nullable=False),
        sa.CheckConstraint("position >= 0", name="ck__follower_cursor__position"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__follower_cursor__log_id__log"),
        sa.PrimaryKeyConstraint("follower", "log_id", name="pk__follower_cursor"),
    )
    op.create_table(
        "renewal",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__renewal__log_id__log"),
        sa.PrimaryKeyConstraint("log_id", "number", name="pk__renewal"),
    )
    op.create_table(
        "group_member",
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("added_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["access_group.id"], name="fk__group_member__group_id__access_group"
        ),
        sa.PrimaryKeyConstraint("group_id", "owner", name="pk__group_member"),
    )
    op.create_index("ix__group_member__owner", "group_member", ["owner"])
    op.create_table(
        "login_session",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("token_id", KEY, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("issuer", TEXT, nullable=True),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("scopes", TEXT, nullable=True),
        sa.Column("group_names", TEXT, nullable=True),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.CheckConstraint("(token_id IS NULL) <> (owner IS NULL)", name="ck__login_session__token_or_owner"),
        sa.CheckConstraint("length(digest) = 64", name="ck__login_session__digest"),
        sa.ForeignKeyConstraint(["token_id"], ["token.id"], name="fk__login_session__token_id__token"),
        sa.PrimaryKeyConstraint("id", name="pk__login_session"),
        sa.UniqueConstraint("digest", name="uq__login_session__digest"),
    )
    op.create_index("ix__login_session__expires_at", "login_session", ["expires_at"])
    op.create_index("ix__login_session__owner", "login_session", ["owner"])
    op.create_index("ix__login_session__token_id", "login_session", ["token_id"])
    op.create_table(
        "mail_link",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("pending_id", KEY, nullable=True),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["pending_id"],
            ["pending_upload.id"],
            name="fk__mail_link__pending_id__pending_upload",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest", name="pk__mail_link"),
    )
    op.create_index("ix__mail_link__address", "mail_link", ["address"])
    op.create_index("ix__mail_link__expires_at", "mail_link", ["expires_at"])
    op.create_index("ix__mail_link__pending_id", "mail_link", ["pending_id"])
    op.create_table(
        "outgoing_mail",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("recipient", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("log", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("due_at", SECONDS, nullable=False),
        sa.Column("finished_at", SECONDS, nullable=True),
        sa.Column("claimed_by", TEXT, nullable=True),
        sa.Column("claimed_until", SECONDS, nullable=True),
        sa.Column("last_error", TEXT, nullable=True),
        sa.Column("link_purpose", TEXT, nullable=True),
        sa.Column("pending_id", KEY, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="ck__outgoing_mail__state"),
        sa.ForeignKeyConstraint(
            ["pending_id"],
            ["pending_upload.id"],
            name="fk__outgoing_mail__pending_id__pending_upload",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk__outgoing_mail"),
        sa.UniqueConstraint("key", name="uq__outgoing_mail__key"),
    )
    op.create_index("ix__outgoing_mail__pending_id", "outgoing_mail", ["pending_id"])
    op.create_index("ix__outgoing_mail__state_due_at", "outgoing_mail", ["state", "due_at"])
    op.create_table(
        "peer_fault",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("question", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_fault__peer_id__peer"),
        sa.PrimaryKeyConstraint("peer_id", "question", "origin", name="pk__peer_fault"),
    )
    op.create_table(
        "peer_grant",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("granted_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__peer_grant__log_id__log"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_grant__peer_id__peer"),
        sa.PrimaryKeyConstraint("peer_id", "log_id", name="pk__peer_grant"),
    )
    op.create_table(
        "peer_log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reached", KEY, nullable=False),
        sa.Column("reached_frontier", sa.LargeBinary(), nullable=False),
        sa.Column("proven", KEY, nullable=False),
        sa.Column("proven_frontier", sa.LargeBinary(), nullable=False),
        sa.Column("covered", KEY, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("failed_at", SECONDS, nullable=True),
        sa.Column("succeeded_at", SECONDS, nullable=True),
        sa.Column("compared_at", SECONDS, nullable=True),
        sa.Column("entries", KEY, nullable=False),
        sa.Column("received", KEY, nullable=False),
        sa.CheckConstraint(
            "state IN ('new', 'bootstrap', 'tailing', 'backoff', 'quarantined')", name="ck__peer_log__state"
        ),
        sa.CheckConstraint(
            "proven >= 0 AND reached >= proven AND covered >= reached", name="ck__peer_log__progress"
        ),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__peer_log__log_id__log"),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_log__peer_id__peer"),
        sa.PrimaryKeyConstraint("id", name="pk__peer_log"),
        sa.UniqueConstraint("peer_id", "origin", name="uq__peer_log__peer_id_origin"),
    )
    op.create_table(
        "peer_mirror",
        sa.Column("peer_id", KEY, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bundles", KEY, nullable=False),
        sa.Column("failures", KEY, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["peer_id"], ["peer.id"], name="fk__peer_mirror__peer_id__peer"),
        sa.PrimaryKeyConstraint("peer_id", "url", name="pk__peer_mirror"),
    )
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
        sa.CheckConstraint("epoch >= 1", name="ck__tree__epoch"),
        sa.CheckConstraint("size >= 0", name="ck__tree__size"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__tree__log_id__log"),
        sa.PrimaryKeyConstraint("id", name="pk__tree"),
        sa.UniqueConstraint("log_id", "epoch", name="uq__tree__log_id_epoch"),
        sa.UniqueConstraint("origin", name="uq__tree__origin"),
    )
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
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__verdict__certificate_id__certificate"
        ),
        sa.PrimaryKeyConstraint("certificate_id", name="pk__verdict"),
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
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name="fk__verdict_change__certificate_id__certificate"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__verdict_change"),
    )
    op.create_index("ix__verdict_change__certificate_id", "verdict_change", ["certificate_id"])
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
        "current",
        sa.Column("id", KEY, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("tie", sa.BigInteger(), nullable=False),
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column("key_digest", TEXT, nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("trusted_created", SECONDS, nullable=True),
        sa.Column("trusted_deprecated", sa.Boolean(), nullable=True),
        sa.Column("trusted_id", TEXT, nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
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
        sa.UniqueConstraint(
            "log_id",
            "identifier",
            "email",
            "key_digest",
            name="uq__current__log_id_identifier_email_key_digest",
        ),
    )
    op.create_index(
        "ix__current__contested",
        "current",
        ["identifier", "email"],
        sqlite_where=sa.text("contested"),
        postgresql_where=sa.text("contested"),
    )
    op.create_index("ix__current__coordinates", "current", ["identifier", "email"])
    op.create_index("ix__current__created", "current", ["log_id", "created", "tie", "entry_key"])
    op.create_index("ix__current__email", "current", ["log_id", "email", "tie", "entry_key"])
    op.create_index("ix__current__entry", "current", ["entry_key"])
    op.create_index("ix__current__identifier", "current", ["log_id", "identifier", "tie", "entry_key"])
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
        "entry_checksum",
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("algorithm", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_checksum__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", "position", name="pk__entry_checksum"),
    )
    op.create_index("ix__entry_checksum__value", "entry_checksum", ["value"])
    op.create_table(
        "entry_location",
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("uri", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_location__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", "position", name="pk__entry_location"),
    )
    op.create_table(
        "named_view",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("search", TEXT, nullable=False),
        sa.Column("policy", TEXT, nullable=True),
        sa.Column("options", TEXT, nullable=False),
        sa.Column("group_name", TEXT, nullable=True),
        sa.Column("digest", TEXT, nullable=True),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("changed_at", SECONDS, nullable=False),
        sa.Column("changed_by", TEXT, nullable=False),
        sa.CheckConstraint("digest IS NULL OR length(digest) = 64", name="ck__named_view__digest"),
        sa.PrimaryKeyConstraint("id", name="pk__named_view"),
        sa.UniqueConstraint("digest", name="uq__named_view__digest"),
        sa.UniqueConstraint("name", name="uq__named_view__name"),
    )
    op.create_table(
        "site_receipt",
        sa.Column("site_id", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("finding", TEXT, nullable=False),
        sa.Column("store", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("location", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("received_at", SECONDS, nullable=False),
        sa.Column("told_at", SECONDS, nullable=True),
        sa.Column("note", TEXT, nullable=False),
        sa.CheckConstraint(
            "finding IN ('available', 'withdrawn', 'mismatch', 'unreachable')",
            name="ck__site_receipt__finding",
        ),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__site_receipt__entry_key__entry"),
        sa.ForeignKeyConstraint(["site_id"], ["cloud_site.id"], name="fk__site_receipt__site_id__cloud_site"),
        sa.PrimaryKeyConstraint("site_id", "entry_key", "about", name="pk__site_receipt"),
    )
    op.create_index("ix__site_receipt__entry_key", "site_receipt", ["entry_key"])
    op.create_index("ix__site_receipt__finding_entry_key", "site_receipt", ["finding", "entry_key"])
    op.create_table(
        "entry_use",
        sa.Column("email", TEXT, nullable=False),
        sa.Column("period", KEY, autoincrement=False, nullable=False),
        sa.Column("entry_key", KEY, autoincrement=False, nullable=False),
        sa.Column("verdicts", KEY, nullable=False),
        sa.Column("downloads", KEY, nullable=False),
        sa.Column("imports", KEY, nullable=False),
        sa.CheckConstraint("period > 0", name="ck__entry_use__period"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__entry_use__entry_key__entry"),
        sa.PrimaryKeyConstraint("email", "period", "entry_key", name="pk__entry_use"),
    )
    op.create_index("ix__entry_use__period", "entry_use", ["period"])
    op.create_table(
        "view_use",
        sa.Column("view", TEXT, nullable=False),
        sa.Column("period", KEY, autoincrement=False, nullable=False),
        sa.Column("documents", KEY, nullable=False),
        sa.Column("downloads", KEY, nullable=False),
        sa.CheckConstraint("period > 0", name="ck__view_use__period"),
        sa.PrimaryKeyConstraint("view", "period", name="pk__view_use"),
    )
    op.create_index("ix__view_use__period", "view_use", ["period"])
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
        "erasure",
        sa.Column("entry_key", KEY, autoincrement=False, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("series", TEXT, nullable=False),
        sa.Column("line", TEXT, nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("statement", TEXT, nullable=False),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("erased_at", SECONDS, nullable=False),
        sa.CheckConstraint("length(place) = 64", name="ck__erasure__place"),
        sa.CheckConstraint("length(series) = 64", name="ck__erasure__series"),
        sa.CheckConstraint("length(line) = 64", name="ck__erasure__line"),
        sa.CheckConstraint("length(statement) = 64", name="ck__erasure__statement"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__erasure__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", name="pk__erasure"),
    )
    op.create_index("ix__erasure__place", "erasure", ["place"])
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
        "peer_evidence",
        sa.Column("id", KEY, nullable=False),
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("found_at", SECONDS, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("first", TEXT, nullable=False),
        sa.Column("second", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_evidence__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__peer_evidence"),
    )
    op.create_index("ix__peer_evidence__peer_log_id", "peer_evidence", ["peer_log_id"])
    op.create_table(
        "peer_rejected",
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("rejected_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_rejected__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "sequence", name="pk__peer_rejected"),
    )
    op.create_index("ix__peer_rejected__entry_id", "peer_rejected", ["entry_id"])
    op.create_table(
        "peer_wanted",
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_id", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("origin_sequence", KEY, nullable=False),
        sa.Column("origin_time", KEY, nullable=False),
        sa.Column("since", SECONDS, nullable=False),
        sa.Column("retry_at", SECONDS, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("erased_at", SECONDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__peer_wanted__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "sequence", name="pk__peer_wanted"),
    )
    op.create_index("ix__peer_wanted__entry_id", "peer_wanted", ["entry_id"])
    op.create_index("ix__peer_wanted__erased_at", "peer_wanted", ["erased_at"])
    op.create_table(
        "seen_checkpoint",
        sa.Column("peer_log_id", KEY, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("size", KEY, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("witness", TEXT, nullable=False),
        sa.Column("seen_at", SECONDS, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("withheld_at", SECONDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["peer_log_id"], ["peer_log.id"], name="fk__seen_checkpoint__peer_log_id__peer_log"
        ),
        sa.PrimaryKeyConstraint("peer_log_id", "origin", "size", "root", name="pk__seen_checkpoint"),
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
        "twin",
        sa.Column("entry_key", KEY, autoincrement=False, nullable=False),
        sa.Column("statement", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__twin__entry_key__entry"),
        sa.PrimaryKeyConstraint("entry_key", name="pk__twin"),
    )
    op.create_index("ix__twin__statement", "twin", ["statement"])
    op.create_table(
        "change",
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=False),
        sa.Column("body_id", KEY, nullable=False),
        sa.Column("accepted_at", SECONDS, nullable=False),
        sa.Column("origin", TEXT, nullable=True),
        sa.Column("origin_sequence", KEY, nullable=True),
        sa.Column("origin_time", KEY, nullable=True),
        sa.Column("shown", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.CheckConstraint("sequence >= 0", name="ck__change__sequence"),
        sa.ForeignKeyConstraint(["body_id"], ["entry_body.id"], name="fk__change__body_id__entry_body"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__change__entry_key__entry"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__change__log_id__log"),
        sa.PrimaryKeyConstraint("log_id", "sequence", name="pk__change"),
        sa.UniqueConstraint("log_id", "entry_key", name="uq__change__log_id_entry_key"),
    )
    op.create_index("ix__change__entry_key", "change", ["entry_key"])
    op.create_table(
        "event_state",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("next_number", KEY, nullable=False),
        sa.Column("looked_until", SECONDS, nullable=True),
        sa.CheckConstraint("id = 1", name="ck__event_state__one_row"),
        sa.PrimaryKeyConstraint("id", name="pk__event_state"),
    )
    op.create_table(
        "event",
        sa.Column("number", KEY, autoincrement=False, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("log_id", KEY, nullable=False),
        sa.Column("entry_key", KEY, nullable=True),
        sa.Column("details", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__event__entry_key__entry"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"], name="fk__event__log_id__log"),
        sa.PrimaryKeyConstraint("number", name="pk__event"),
        sa.UniqueConstraint("event_id", name="uq__event__event_id"),
    )
    op.create_index("ix__event__at", "event", ["at"])
    op.create_index("ix__event__entry_key", "event", ["entry_key"])
    op.create_index("ix__event__log_id_number", "event", ["log_id", "number"])
    op.create_table(
        "webhook",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("audience", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=True),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("filters", TEXT, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("former_secret", TEXT, nullable=True),
        sa.Column("former_until", SECONDS, nullable=True),
        sa.Column("position", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("failing_since", SECONDS, nullable=True),
        sa.Column("disabled_at", SECONDS, nullable=True),
        sa.Column("disabled_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk__webhook"),
        sa.UniqueConstraint("name", name="uq__webhook__name"),
    )
    op.create_index("ix__webhook__owner", "webhook", ["owner"])
    op.create_index("ix__webhook__token", "webhook", ["token"])
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("entry_key", KEY, nullable=True),
        sa.Column("status", KEY, nullable=True),
        sa.Column("duration", KEY, nullable=True),
        sa.Column("answer", TEXT, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("due_at", SECONDS, nullable=False),
        sa.Column("finished_at", SECONDS, nullable=True),
        sa.Column("claimed_by", TEXT, nullable=True),
        sa.Column("claimed_until", SECONDS, nullable=True),
        sa.Column("last_error", TEXT, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="ck__webhook_delivery__state"),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.id"], name="fk__webhook_delivery__entry_key__entry"),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name="fk__webhook_delivery__webhook_id__webhook",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk__webhook_delivery"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq__webhook_delivery__webhook_id_event_id"),
    )
    op.create_index("ix__webhook_delivery__entry_key", "webhook_delivery", ["entry_key"])
    op.create_index("ix__webhook_delivery__state_due_at", "webhook_delivery", ["state", "due_at"])
    op.create_index(
        "ix__webhook_delivery__webhook_id_state_id", "webhook_delivery", ["webhook_id", "state", "id"]
    )

    op.create_table(
        "schema_support",
        sa.Column("id", KEY, nullable=False),
        sa.Column("oldest", TEXT, nullable=False),
        sa.CheckConstraint("id = 1", name="ck__schema_support__one"),
        sa.PrimaryKeyConstraint("id", name="pk__schema_support"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for name in UNBOUNDED:
            op.create_index(f"ix__current__{name}", "current", ["log_id", name, "tie", "entry_key"])
    op.execute(sa.text("INSERT INTO log (name, next_sequence) VALUES ('public', 0)"))
    op.execute(sa.text("INSERT INTO background_lease VALUES (1, 0, '', 0, 0, 0)"))
    op.execute(sa.text("INSERT INTO event_state (id, next_number) VALUES (1, 0)"))
    op.execute(sa.text("INSERT INTO schema_support (id, oldest) VALUES (1, '0001')"))


def downgrade() -> None:
    metadata = sa.MetaData()
    metadata.reflect(op.get_bind())
    for table in reversed(metadata.sorted_tables):
        if table.name != "alembic_version":
            op.drop_table(table.name)
