"""Finding out who asks: what takes as long, what fails in order, and what errors may show."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from pyramid.request import Request
from sqlalchemy.exc import OperationalError

import marketplace
from marketplace.access import Principal
from marketplace.access.permissions import PERMISSIONS, is_permitted
from marketplace.access.principal import ANONYMOUS, STRANGER, Scope
from marketplace.accounts import secrets as account_secrets
from marketplace.accounts.service import AccessService
from marketplace.config import Settings
from marketplace.db import upgrade
from marketplace.runtime import build

SECRET = "mpt_0123456789abcdef_" + "A" * 43


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    settings = Settings.from_mapping({"data": str(tmp_path_factory.mktemp("who")), "query.enabled": "false"})
    upgrade(settings.database_url)
    runtime = build(settings)
    yield marketplace.make_app(runtime)
    runtime.close()


def ask(application, path: str = "/account", **headers: str):
    request = Request.blank(path, headers={"Accept": "application/problem+json", **headers})
    return request.get_response(application)


def test_a_database_that_does_not_answer_is_no_wrong_token(application, monkeypatch, caplog) -> None:
    def fail(self, secret):
        raise OperationalError("SELECT", {}, Exception("the database is gone"))

    monkeypatch.setattr(AccessService, "principal_of_token", fail)
    for accept in ("application/problem+json", "text/html"):
        answer = ask(application, Authorization=f"Bearer {SECRET}", Accept=accept)
        assert answer.status_int == 503 and answer.headers["Retry-After"] == "5"
        assert SECRET not in answer.text
    assert "the database does not tell who asks" in caplog.text and SECRET not in caplog.text


def test_a_secret_is_compared_whole_and_also_where_there_is_none_to_compare_with(
    application, monkeypatch
) -> None:
    """The comparison itself is the standard library's; what counts is that it is always made, on digests."""
    compared = []

    def note(given: str, kept: str) -> bool:
        compared.append((given, kept))
        return hmac.compare_digest(given, kept)

    monkeypatch.setattr(account_secrets, "compare_digest", note)
    for secret in (SECRET, "no token at all"):
        assert ask(application, Authorization=f"Bearer {secret}").status_int == 401
        assert compared.pop() == (hashlib.sha256(secret.encode()).hexdigest(), "0" * 64)


def test_a_bad_token_in_front_of_a_page_that_fails_is_shown_once(application) -> None:
    answer = ask(application, Authorization="Bearer x", Accept="text/html")
    assert answer.status_int == 401 and "Sign in" in answer.text


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_strangers_are_let_in_to_few_things(permission: str) -> None:
    allowed = {"health:read", "session:open", "link:follow", "entry:publish", "log:witness"}
    assert is_permitted(permission, STRANGER) == (permission in allowed)


@pytest.mark.parametrize(
    ("scopes", "permissions"),
    [
        ({Scope.READ}, {"account:read", "group:read", "token:read", "token:revoke"}),
        ({Scope.UPLOAD}, {"account:read", "group:read", "token:read", "token:revoke"}),
        (
            {Scope.ADMIN},
            {
                "account:read",
                "group:read",
                "token:read",
                "token:revoke",
                "token:create",
                "group:write",
                "audit:read",
            },
        ),
    ],
)
def test_a_scope_lends_what_the_map_says_and_no_more(scopes, permissions) -> None:
    holder = Principal("ann", ANONYMOUS.logs, frozenset(scopes), frozenset(), "0" * 16)
    beyond = {
        permission
        for permission in PERMISSIONS
        if is_permitted(permission, holder) and not is_permitted(permission, ANONYMOUS)
    }
    federation = {permission for permission in beyond if permission.startswith("peer:")}
    assert beyond - federation == permissions
