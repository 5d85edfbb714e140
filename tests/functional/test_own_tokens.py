"""Tokens that people make for themselves: never more than what they came with."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.db import Database
from marketplace.pages.admin.asking import SCOPES
from tests.functional.access import (
    bearer,
    form_key,
    from_own_page,
    issue_token,
    revoke_token,
    sign_in,
    token_name,
)

HTML = {"Accept": "text/html"}


def make(browser, server, **fields: str):
    """Fill in the form as a browser does."""
    page = browser.get("/account/tokens", headers=HTML)
    assert page.status_code == 200
    data = {"key": form_key(page.text), "scope.read": "on", "days": "30", **fields}
    return browser.post("/account/tokens", data=data, headers={**HTML, **from_own_page(server)})


def secret_in(text: str) -> str:
    found = re.search(r"mpt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)
    assert found is not None, text
    return found[0]


def stored(server, name: str):
    database = Database.open(server.database_url)
    try:
        with database.read() as session:
            return TokenService(session).get(name)
    finally:
        database.close()


def test_a_token_is_made_shown_once_and_used(server, browser) -> None:
    sign_in(browser, server, issue_token(server, "own@example.org"))
    answer = make(browser, server, note="for CI")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    secret = secret_in(answer.text)
    account = browser.get("/account", headers=HTML).text
    assert token_name(secret) in account and secret not in account and "for CI" in account
    assert browser.get("/api/v1/tokens", headers=bearer(secret)).status_code == 200
    one = stored(server, token_name(secret))
    assert (one.owner, one.scopes) == ("own@example.org", {Scope.READ})
    assert one.expires_at is not None and one.expires_at <= datetime.now(UTC) + timedelta(days=30)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scope.upload": "on"}, "cannot have more permissions than you have"),
        ({"scope.admin": "on"}, "cannot have more permissions than you have"),
        ({"scope.peer": "on"}, "cannot have more permissions than you have"),
        ({"scope.read": ""}, "at least one scope"),
        ({"days": "0"}, "from 1 to 365"),
        ({"days": "366"}, "from 1 to 365"),
        ({"days": ""}, "Days is missing"),
        ({"days": "-1"}, "from 1 to 365"),
        ({"note": "x" * 201}, "at most 200"),
    ],
)
def test_nothing_is_made_beyond_ones_rights(server, browser, fields, said: str) -> None:
    sign_in(browser, server, issue_token(server, "few@example.org", [Scope.READ]))
    answer = make(browser, server, **fields)
    assert answer.status_code == 400 and said in answer.text and "mpt_" not in answer.text
    assert 'role="alert"' in answer.text


def test_every_scope_has_words() -> None:
    assert set(SCOPES) == set(Scope)


def test_the_form_offers_what_one_may_give(server, browser) -> None:
    sign_in(browser, server, issue_token(server, "few@example.org", [Scope.READ]))
    page = browser.get("/account/tokens", headers=HTML).text
    assert 'name="scope.read"' in page and 'name="scope.admin"' not in page


def test_a_token_lives_no_longer_than_the_one_it_was_made_with(server, browser) -> None:
    first = issue_token(server, "short@example.org", lives=timedelta(hours=1))
    sign_in(browser, server, first)
    made = stored(server, token_name(secret_in(make(browser, server).text)))
    assert made.expires_at == stored(server, token_name(first)).expires_at


def test_revoking_a_token_revokes_what_was_made_with_it(server, browser) -> None:
    """Whoever stole a token cannot keep a foot in the door by making others with it."""
    stolen, other = issue_token(server, "vic@example.org"), issue_token(server, "vic@example.org")
    sign_in(browser, server, stolen)
    second = secret_in(make(browser, server).text)
    with server.client() as deeper:
        sign_in(deeper, server, second)
        third = secret_in(make(deeper, server).text)
    revoke_token(server, stolen)
    for secret in (stolen, second, third):
        assert browser.get("/api/v1/tokens", headers=bearer(secret)).status_code == 401
    assert browser.get("/api/v1/tokens", headers=bearer(other)).status_code == 200


def test_a_token_is_made_by_the_form_of_a_session_only(server, browser) -> None:
    secret = issue_token(server, "form@example.org")
    assert browser.get("/account/tokens", headers=HTML).status_code == 401
    bare = browser.get("/account/tokens", headers={**HTML, **bearer(secret)})
    assert bare.status_code == 200 and "needs a session" in bare.text and 'method="post"' not in bare.text
    sign_in(browser, server, secret)
    key = form_key(browser.get("/account/tokens", headers=HTML).text)
    data = {"key": key, "scope.read": "on", "days": "1"}
    for headers, fields in (
        ({"Origin": "https://evil.example"}, data),
        ({}, data),
        (from_own_page(server), data | {"key": "0" * 64}),
    ):
        assert browser.post("/account/tokens", data=fields, headers={**HTML, **headers}).status_code == 403


def test_there_is_an_end_of_making_tokens(server, browser) -> None:
    owner = "many@example.org"
    sign_in(browser, server, issue_token(server, owner))
    database = Database.open(server.database_url)
    with database.write() as session:
        for _ in range(49):
            TokenService(session).create(owner, [Scope.READ], by="cli:test", at=datetime.now(UTC))
    database.close()
    answer = make(browser, server)
    assert answer.status_code == 400 and "revoke one first" in answer.text
