"""Tokens, groups and the record of acts, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.access import ANONYMOUS, PUBLIC, STRANGER, Scope, group_log
from marketplace.accounts import AccessService, GroupService, TokenService
from marketplace.accounts.errors import (
    CredentialsError,
    ExpiredTokenError,
    GroupNotFoundError,
    GroupTakenError,
    InvalidValueError,
    MemberNotFoundError,
    RevokedTokenError,
    TokenNotFoundError,
)
from marketplace.accounts.tokens import Issued
from marketplace.audit import AuditLog
from marketplace.changes import ChangeLog
from marketplace.config.access import SiteMode
from marketplace.db import Database
from tests.factories.entries import moment

NOW = moment(0)
ADMIN = "cli:root"
BOTH = (Scope.READ, Scope.UPLOAD)


def issue(database: Database, *scopes: Scope, owner: str = "ann@example.org", days: int = 1) -> Issued:
    with database.write() as session:
        return TokenService(session).create(
            owner, scopes or BOTH, by=ADMIN, at=NOW, expires_at=NOW + timedelta(days=days)
        )


def access(database: Database, mode: SiteMode = "open") -> AccessService:
    return AccessService(database, mode, lambda: NOW)


def found_group(database: Database, name: str, *members: str) -> None:
    with database.write() as session:
        groups = GroupService(session)
        groups.create(name, by=ADMIN, at=NOW)
        for member in members:
            groups.add(name, member, by=ADMIN, at=NOW)


def test_a_token_proves_its_owner_and_lends_the_scopes_it_was_given(database: Database) -> None:
    issued = issue(database, Scope.READ)
    found_group(database, "lab", "ann@example.org")
    found_group(database, "other", "bob@example.org")
    principal = access(database).principal_of_token(issued.secret.text)
    assert principal.name == "ann@example.org"
    assert principal.logs == {PUBLIC, group_log("lab")}
    assert principal.scopes == {Scope.READ}
    assert principal.groups == {"lab"} and not principal.may_upload_to("lab")
    assert principal.token == issued.token.name


def test_what_a_scope_does_not_cover_is_not_lent(database: Database) -> None:
    found_group(database, "lab", "ann@example.org")
    uploader = access(database).principal_of_token(issue(database, Scope.UPLOAD).secret.text)
    assert uploader.logs == {PUBLIC}
    assert uploader.may_upload_to("lab") and not uploader.may_upload_to("other")
    administrator = access(database).principal_of_token(issue(database, Scope.ADMIN).secret.text)
    assert administrator.logs == {PUBLIC} and not administrator.may_upload_to("lab")


def test_where_reading_needs_a_token_it_needs_one_for_reading(database: Database) -> None:
    private = access(database, "private")
    assert private.anonymous is STRANGER and private.anonymous.logs == frozenset()
    assert access(database).anonymous is ANONYMOUS
    assert private.principal_of_token(issue(database, Scope.UPLOAD).secret.text).logs == frozenset()
    assert private.principal_of_token(issue(database, Scope.READ).secret.text).logs == {PUBLIC}


def test_only_a_digest_of_the_secret_is_stored(database: Database) -> None:
    issued = issue(database)
    secret = issued.secret.text
    with database.read() as session:
        for table in ("token", "audit_record"):
            for row in session.connection().exec_driver_sql(f"SELECT * FROM {table}"):  # noqa: S608  # ours
                assert not any(secret in str(cell) or secret[-43:] in str(cell) for cell in row)
    assert secret not in repr(issued) and secret[-43:] not in repr(issued)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text.upper(),
        lambda text: "mpt_0000000000000000_" + text[-43:],
        lambda text: " " + text,
        lambda text: "",
        lambda text: "mpt_" + "é" * 60,
        lambda text: "x\0" * 5000,
    ],
)
def test_anything_but_the_secret_proves_nothing(database: Database, change) -> None:
    text = change(issue(database).secret.text)
    with pytest.raises(CredentialsError) as caught:
        access(database).principal_of_token(text)
    assert caught.value.code == "token.invalid" and (not text or text not in str(caught.value))


def test_a_token_ends_when_its_time_is_over(database: Database) -> None:
    secret = issue(database, days=1).secret.text
    with database.read() as session:
        tokens = TokenService(session)
        tokens.verify(secret, NOW + timedelta(days=1, seconds=-1))
        with pytest.raises(ExpiredTokenError):
            tokens.verify(secret, NOW + timedelta(days=1))


def test_a_revoked_token_is_out_of_force_at_once_and_for_good(database: Database) -> None:
    issued = issue(database)
    with database.write() as session:
        revoked = TokenService(session).revoke(issued.token.name, by=ADMIN, at=NOW)
    assert revoked.revoked_at == NOW
    with pytest.raises(RevokedTokenError):
        access(database).principal_of_token(issued.secret.text)
    with database.write() as session:
        again = TokenService(session).revoke(issued.token.name, by=ADMIN, at=NOW + timedelta(days=1))
    assert again.revoked_at == NOW


def test_revoking_what_is_not_there_is_named(database: Database) -> None:
    with database.write() as session, pytest.raises(TokenNotFoundError, match="0123"):
        TokenService(session).revoke("0123", by=ADMIN, at=NOW)


def test_last_use_is_written_in_batches_and_not_for_each_request(database: Database) -> None:
    issued = issue(database)
    clock = [NOW]
    service = AccessService(database, "open", lambda: clock[0])
    service.principal_of_token(issued.secret.text)
    assert last_use(database, issued) is None
    service.last_use.flush()
    assert last_use(database, issued) == NOW
    clock[0] = NOW + timedelta(seconds=30)
    service.principal_of_token(issued.secret.text)
    service.last_use.flush()
    assert last_use(database, issued) == NOW
    clock[0] = NOW + timedelta(minutes=2)
    service.principal_of_token(issued.secret.text)
    service.close()
    assert last_use(database, issued) == clock[0]


def test_the_latest_use_stays_whichever_process_writes_last(database: Database) -> None:
    issued = issue(database)
    with database.write() as session:
        TokenService(session).note_use({issued.token.key: NOW + timedelta(hours=1)})
        TokenService(session).note_use({issued.token.key: NOW})
    assert last_use(database, issued) == NOW + timedelta(hours=1)


def last_use(database: Database, issued: Issued):
    with database.read() as session:
        return TokenService(session).get(issued.token.name).last_used_at


def test_tokens_are_listed_by_owner(database: Database) -> None:
    mine, other = issue(database), issue(database, owner="bob@example.org")
    with database.read() as session:
        tokens = TokenService(session)
        assert [token.name for token in tokens.list()] == [mine.token.name, other.token.name]
        assert tokens.list("bob@example.org") == [other.token]


@pytest.mark.parametrize(
    ("owner", "scopes", "days", "note"),
    [
        ("", BOTH, 1, ""),
        ("cli:root", BOTH, 1, ""),
        ("system", BOTH, 1, ""),
        ("ann\r\nX: y", BOTH, 1, ""),
        ("a" * 255, BOTH, 1, ""),
        ("ann", (), 1, ""),
        ("ann", BOTH, 0, ""),
        ("ann", BOTH, 1, "x" * 201),
        ("ann", BOTH, 1, "two\nlines"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(database: Database, owner, scopes, days, note) -> None:
    with database.write() as session, pytest.raises(InvalidValueError):
        TokenService(session).create(
            owner, scopes, by=ADMIN, at=NOW, expires_at=NOW + timedelta(days=days), note=note
        )


def test_a_group_has_a_log_and_members(database: Database) -> None:
    found_group(database, "lab", "bob@example.org", "ann@example.org", "ann@example.org")
    with database.write() as session:
        groups = GroupService(session)
        assert groups.get("lab").members == ("ann@example.org", "bob@example.org")
        assert [group.name for group in groups.list()] == ["lab"]
        assert groups.of("ann@example.org") == {"lab"}
        assert ChangeLog(session).size("group:lab") == 0
        assert groups.remove("lab", "ann@example.org", by=ADMIN, at=NOW).members == ("bob@example.org",)
        assert groups.of("ann@example.org") == frozenset()
        with pytest.raises(MemberNotFoundError):
            groups.remove("lab", "ann@example.org", by=ADMIN, at=NOW)


def test_the_name_of_a_deleted_group_is_never_given_again(database: Database) -> None:
    """Else its new members would see what the old ones kept in its log."""
    found_group(database, "lab", "ann@example.org")
    with database.write() as session:
        groups = GroupService(session)
        groups.delete("lab", by=ADMIN, at=NOW)
        assert groups.list() == [] and groups.of("ann@example.org") == frozenset()
        for act in (
            lambda: groups.get("lab"),
            lambda: groups.delete("lab", by=ADMIN, at=NOW),
            lambda: groups.add("lab", "ann@example.org", by=ADMIN, at=NOW),
        ):
            with pytest.raises(GroupNotFoundError):
                act()
        with pytest.raises(GroupTakenError):
            groups.create("lab", by=ADMIN, at=NOW)


@pytest.mark.parametrize("name", ["", "Lab", "a/b", "-lab", "é", "l" * 64, "public:x", "lab\n"])
def test_a_group_name_has_few_characters(database: Database, name: str) -> None:
    with database.write() as session, pytest.raises(InvalidValueError):
        GroupService(session).create(name, by=ADMIN, at=NOW)


def test_every_act_is_recorded_with_its_actor(database: Database) -> None:
    issued = issue(database)
    found_group(database, "lab", "ann@example.org")
    with database.write() as session:
        TokenService(session).revoke(issued.token.name, by="boss@example.org", at=NOW)
        GroupService(session).remove("lab", "ann@example.org", by=ADMIN, at=NOW)
        GroupService(session).delete("lab", by=ADMIN, at=NOW)
    with database.read() as session:
        acts = AuditLog(session).page()
        assert [(act.action, act.actor, act.subject) for act in reversed(acts)] == [
            ("token.create", ADMIN, issued.token.name),
            ("group.create", ADMIN, "lab"),
            ("group.add", ADMIN, "lab"),
            ("token.revoke", "boss@example.org", issued.token.name),
            ("group.remove", ADMIN, "lab"),
            ("group.delete", ADMIN, "lab"),
        ]
        assert acts[-1].details["scopes"] == "read upload"
        audit = AuditLog(session)
        assert [act.action for act in audit.page(action="token.")] == ["token.revoke", "token.create"]
        assert [act.action for act in audit.page(actor="boss@example.org")] == ["token.revoke"]
        assert audit.page(before=acts[1].number, limit=1) == [acts[2]]


def test_an_act_that_fails_leaves_no_record(database: Database) -> None:
    with pytest.raises(GroupTakenError), database.write() as session:
        GroupService(session).create("lab", by=ADMIN, at=NOW)
        GroupService(session).create("lab", by=ADMIN, at=NOW)
    with database.read() as session:
        assert AuditLog(session).page() == []


def test_no_secret_gets_into_the_record(database: Database) -> None:
    secret = issue(database).secret.text
    with database.write() as session:
        AuditLog(session).record(ADMIN, "test", f"see {secret}\0\udcff", {"value": f"{secret}\n"})
    with database.read() as session:
        act = AuditLog(session).page(action="test")[0]
    assert act.subject.startswith("see mpt_[hidden]") and act.details == {"value": "mpt_[hidden]\n"}
