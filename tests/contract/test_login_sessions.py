"""Sessions of people who signed in, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.access import PUBLIC, Scope, group_log
from marketplace.accounts import AccessService, GroupService, TokenService
from marketplace.accounts.errors import CredentialsError, RevokedTokenError, SessionEndedError
from marketplace.accounts.people import Person
from marketplace.accounts.sessions import MOST_SESSIONS, SessionService
from marketplace.accounts.tokens import Issued
from marketplace.audit import AuditLog
from marketplace.db import Database
from marketplace.models import LoginSession, UsedSignIn
from tests.factories.entries import moment

NOW = moment(0)
LIFETIME = timedelta(hours=1)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(database: Database, clock: Clock) -> AccessService:
    return AccessService(database, "open", clock, LIFETIME)


def issue(database: Database, days: float = 30) -> Issued:
    with database.write() as session:
        return TokenService(session).create(
            "ann@example.org", [Scope.READ], by="cli:root", at=NOW, expires_at=NOW + timedelta(days=days)
        )


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LoginSession)) or 0


def test_a_session_lends_what_its_token_does(database, access) -> None:
    issued = issue(database)
    cookie = access.sign_in(issued.secret.text, None)
    assert access.principal_of_session(cookie) == access.principal_of_token(issued.secret.text)


def test_only_a_digest_of_the_cookie_is_stored(database, access) -> None:
    cookie = access.sign_in(issue(database).secret.text, None)
    with database.read() as session:
        for table in ("login_session", "audit_record"):
            for row in session.connection().exec_driver_sql(f"SELECT * FROM {table}"):  # noqa: S608  # ours
                assert not any(cookie[4:] in str(cell) for cell in row)


def test_a_session_ends_with_its_time_and_its_row_goes_with_the_next_sign_in(database, access, clock) -> None:
    secret = issue(database).secret.text
    cookie = access.sign_in(secret, None)
    clock.now = NOW + LIFETIME - timedelta(seconds=1)
    access.principal_of_session(cookie)
    clock.now = NOW + LIFETIME
    with pytest.raises(SessionEndedError):
        access.principal_of_session(cookie)
    access.sign_in(secret, None)
    assert stored(database) == 1


def test_a_session_ends_no_later_than_its_token(database, access, clock) -> None:
    cookie = access.sign_in(issue(database, days=0.01).secret.text, None)
    clock.now = NOW + timedelta(days=0.011)
    with pytest.raises(CredentialsError):
        access.principal_of_session(cookie)


def test_revoking_the_token_ends_its_sessions_and_no_others(database, access) -> None:
    first, second = issue(database), issue(database)
    cookies = [access.sign_in(one.secret.text, None) for one in (first, first, second)]
    with database.write() as session:
        TokenService(session).revoke(first.token.name, by="cli:root", at=NOW)
    for cookie in cookies[:2]:
        with pytest.raises(SessionEndedError):
            access.principal_of_session(cookie)
    access.principal_of_session(cookies[2])


def test_a_session_that_a_revocation_missed_is_worth_nothing(database, access) -> None:
    """Signing in and revoking may cross; each request asks for the token itself."""
    issued = issue(database)
    cookie = access.sign_in(issued.secret.text, None)
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE token SET revoked_at = 1")
    with pytest.raises(RevokedTokenError):
        access.principal_of_session(cookie)


def test_signing_in_again_ends_the_session_that_was_brought(database, access) -> None:
    secret = issue(database).secret.text
    first = access.sign_in(secret, None)
    second = access.sign_in(secret, first)
    assert first != second
    with pytest.raises(SessionEndedError):
        access.principal_of_session(first)
    access.principal_of_session(second)


def test_a_token_has_a_bounded_number_of_sessions_and_the_newest_stay(database, access) -> None:
    secret, other = issue(database).secret.text, issue(database).secret.text
    elsewhere = access.sign_in(other, None)
    cookies = [access.sign_in(secret, None) for _ in range(MOST_SESSIONS + 2)]
    for cookie in cookies[:2]:
        with pytest.raises(SessionEndedError):
            access.principal_of_session(cookie)
    for cookie in (*cookies[2:], elsewhere):
        access.principal_of_session(cookie)
    assert stored(database) == MOST_SESSIONS + 1


def test_a_wrong_secret_opens_nothing_and_ends_nothing(database, access) -> None:
    cookie = access.sign_in(issue(database).secret.text, None)
    with pytest.raises(CredentialsError):
        access.sign_in("mpt_wrong", cookie)
    access.principal_of_session(cookie)
    assert stored(database) == 1


def test_signing_out_is_recorded_once(database, access) -> None:
    issued = issue(database)
    cookie = access.sign_in(issued.secret.text, None)
    access.sign_out(cookie)
    access.sign_out(cookie)
    access.sign_out("mps_" + "A" * 43)
    with pytest.raises(SessionEndedError):
        access.principal_of_session(cookie)
    with database.read() as session:
        acts = AuditLog(session).page(action="session.")
    assert [(act.action, act.actor, act.subject) for act in acts] == [
        ("session.close", "ann@example.org", issued.token.name),
        ("session.open", "ann@example.org", issued.token.name),
    ]


@pytest.mark.parametrize("cookie", ["", "mps_", "mps_" + "A" * 43, "mpt_" + "A" * 43, "\0", "é" * 50])
def test_what_is_no_cookie_of_ours_is_no_session(access, cookie: str) -> None:
    with pytest.raises(SessionEndedError) as caught:
        access.principal_of_session(cookie)
    assert not cookie or cookie not in str(caught.value)


def test_leaving_a_group_counts_for_the_next_request(database, access) -> None:
    cookie = access.sign_in(issue(database).secret.text, None)
    with database.write() as session:
        GroupService(session).create("lab", by="cli:root", at=NOW)
        GroupService(session).add("lab", "ann@example.org", by="cli:root", at=NOW)
    assert access.principal_of_session(cookie).logs == {PUBLIC, group_log("lab")}
    with database.write() as session:
        GroupService(session).remove("lab", "ann@example.org", by="cli:root", at=NOW)
    assert access.principal_of_session(cookie).logs == {PUBLIC}


def test_everything_of_a_person_ends_at_once(database, access) -> None:
    by_token = access.sign_in(issue(database).secret.text, None)
    person = Person("ann@example.org", "", "1", frozenset({Scope.READ}), frozenset())
    by_provider = access.sign_in_person(person, None)
    other = access.sign_in_person(replace(person, name="bob@example.org"), None)
    with database.write() as session:
        assert SessionService(session).close_all("ann@example.org", by="cli:root", at=NOW) == 2
    for cookie in (by_token, by_provider):
        with pytest.raises(SessionEndedError):
            access.principal_of_session(cookie)
    assert access.principal_of_session(other).name == "bob@example.org"


def test_a_sign_in_is_used_up_once_and_forgotten_later(database, access, clock) -> None:
    assert [access.use_up_sign_in("a" * 64) for _ in range(2)] == [True, False]
    assert access.use_up_sign_in("b" * 64)
    clock.now = NOW + timedelta(hours=2)
    assert access.use_up_sign_in("c" * 64)
    with database.read() as session:
        assert session.scalars(select(UsedSignIn.digest)).all() == ["c" * 64]


def test_another_provider_ends_the_sessions_of_the_one_before(database, clock) -> None:
    person = Person("ann@example.org", "https://one.example", "1", frozenset({Scope.READ}), frozenset())
    before = AccessService(database, "open", clock, LIFETIME, "https://one.example")
    cookie = before.sign_in_person(person, None)
    assert before.principal_of_session(cookie).name == "ann@example.org"
    for issuer in ("", "https://two.example"):
        with pytest.raises(SessionEndedError):
            AccessService(database, "open", clock, LIFETIME, issuer).principal_of_session(cookie)


def test_a_provider_session_makes_room_and_reads_groups_that_live(database, access) -> None:
    with database.write() as session:
        for name in ("living", "gone"):
            GroupService(session).create(name, by="cli:root", at=NOW)
        GroupService(session).delete("gone", by="cli:root", at=NOW)
    groups = frozenset({"living", "gone", "never"})
    person = Person("ann@example.org", "", "1", frozenset({Scope.READ}), groups)
    cookies = [access.sign_in_person(person, None) for _ in range(MOST_SESSIONS + 1)]
    with pytest.raises(SessionEndedError):
        access.principal_of_session(cookies[0])
    found = access.principal_of_session(cookies[-1])
    assert (found.groups, found.token) == ({"living"}, None)
    assert found.logs == {PUBLIC, group_log("living")}
