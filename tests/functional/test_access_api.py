"""Tokens, groups and the audit log over the API."""

from __future__ import annotations

import pytest

from marketplace.access import Scope
from tests.functional.access import bearer, found_group, from_own_page, issue_token, sign_in, token_name

PROBLEM = {"Accept": "application/problem+json"}


@pytest.fixture(scope="module")
def admin(server):
    return bearer(issue_token(server, "boss@example.org", [Scope.ADMIN]))


@pytest.fixture(scope="module")
def ann(server):
    return bearer(issue_token(server, "ann@example.org", [Scope.READ]))


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_token_made_over_the_api_works_until_it_is_revoked(server, http, admin) -> None:
    body = {"owner": "new@example.org", "scopes": ["upload", "read"], "days": 7, "note": "build machine"}
    made = http.post("/api/v1/tokens", json=body, headers=admin)
    assert made.status_code == 201 and made.headers["Cache-Control"] == "no-store"
    told = made.json()
    assert made.headers["Location"] == told["links"]["self"] == f"{server.url}/api/v1/tokens/{told['name']}"
    assert (told["owner"], told["scopes"], told["status"]) == ("new@example.org", ["read", "upload"], "valid")
    holder = bearer(told["secret"])
    assert http.get("/api/v1/groups", headers=holder).status_code == 200
    shown = http.get(f"/api/v1/tokens/{told['name']}", headers=admin)
    assert "secret" not in shown.json() and told["secret"] not in shown.text
    assert http.delete(f"/api/v1/tokens/{told['name']}", headers=admin).json()["status"] == "revoked"
    refused = http.get("/api/v1/groups", headers={**holder, **PROBLEM})
    assert code(refused) == (401, "token.revoked")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "body.json")),
        (b"[]", (400, "body.json")),
        (b"[" * 60_000, (400, "body.json")),
        (b'{"owner": NaN}', (400, "body.json")),
        (b'{"owner": "a", "owner": "b", "scopes": ["read"]}', (400, "body.json")),
        (b"\xff", (400, "body.json")),
        (b'{"scopes": ["read"]}', (400, "body.member")),
        (b'{"owner": "a", "scopes": "read"}', (400, "body.member")),
        (b'{"owner": "a", "scopes": ["read"], "days": true}', (400, "body.member")),
        (b'{"owner": "a", "scopes": ["read"], "days": 1.5}', (400, "body.member")),
        (b'{"owner": "a", "scopes": ["read"], "days": null}', (400, "body.member")),
        (b'{"owner": "a", "scopes": ["read"], "days": 1e300}', (400, "access.value")),
        (b'{"owner": "a", "scopes": ["read"], "rights": []}', (400, "body.member")),
        (b'{"owner": "a", "scopes": ["everything"]}', (400, "access.value")),
        (b'{"owner": "a", "scopes": [["read"]]}', (400, "access.value")),
        (b'{"owner": "a", "scopes": [{"a": 1}]}', (400, "access.value")),
        (b'{"owner": "a", "scopes": []}', (400, "access.value")),
        (b'{"owner": "a", "scopes": ["read"], "days": 0}', (400, "access.value")),
        (b'{"owner": "a", "scopes": ["read"], "days": 99999999999999999999}', (400, "access.value")),
        (b'{"owner": "a b", "scopes": ["read"]}', (400, "access.value")),
        (b'{"owner": "a\\u0000", "scopes": ["read"]}', (400, "access.value")),
        (b'{"owner": "a", "scopes": ["read"], "note": "\\ud800"}', (400, "access.value")),
        (b" " * 70_000, (413, "body.size")),
    ],
)
def test_a_body_that_asks_for_no_token_is_refused_precisely(http, admin, body, expected) -> None:
    headers = {**PROBLEM, **admin, "Content-Type": "application/json"}
    assert code(http.post("/api/v1/tokens", content=body, headers=headers)) == expected


def test_a_body_of_another_type_is_refused(http, admin) -> None:
    answer = http.post("/api/v1/tokens", data={"owner": "a"}, headers={**PROBLEM, **admin})
    assert code(answer) == (415, "body.type")


def test_everybody_sees_their_own_tokens_only(server, http, admin, ann) -> None:
    mine, other = token_name(ann["Authorization"]), token_name(issue_token(server, "bob@example.org"))
    assert mine in {one["name"] for one in http.get("/api/v1/tokens", headers=ann).json()["tokens"]}
    owners = {one["owner"] for one in http.get("/api/v1/tokens", headers=ann).json()["tokens"]}
    assert owners == {"ann@example.org"}
    assert http.get("/api/v1/tokens?owner=bob@example.org", headers=ann).json()["total"] == 0
    assert http.get("/api/v1/tokens?owner=bob@example.org", headers=admin).json()["total"] >= 1
    for method in ("GET", "DELETE"):
        somebodys = http.request(method, f"/api/v1/tokens/{other}", headers={**ann, **PROBLEM})
        nobodys = http.request(method, f"/api/v1/tokens/{'0' * 16}", headers={**ann, **PROBLEM})
        assert code(somebodys) == code(nobodys) == (404, "token.unknown")
        assert (
            somebodys.text.replace(other, "?").partition("request_id")[0]
            == (nobodys.text.replace("0" * 16, "?").partition("request_id")[0])
        )
    assert http.get(f"/api/v1/tokens/{mine}", headers=ann).status_code == 200


def test_one_may_revoke_ones_own_token(server, http) -> None:
    secret = issue_token(server, "eve@example.org", [Scope.READ])
    assert http.delete(f"/api/v1/tokens/{token_name(secret)}", headers=bearer(secret)).status_code == 200
    assert http.get("/api/v1/tokens", headers=bearer(secret)).status_code == 401


def test_tokens_come_in_pages(server, http, admin) -> None:
    names = {token_name(issue_token(server, "pages@example.org")) for _ in range(5)}
    url, seen = "/api/v1/tokens?owner=pages@example.org&limit=2", []
    while url:
        answer = http.get(url, headers=admin).json()
        seen += [one["name"] for one in answer["tokens"]]
        url = answer["next"]
    assert len(seen) == 5 and set(seen) == names


def test_a_group_from_its_founding_to_its_end(http, admin, ann) -> None:
    made = http.post("/api/v1/groups", json={"name": "lab"}, headers=admin)
    assert made.status_code == 201 and made.json()["members"] == []
    assert made.headers["Location"].endswith("/api/v1/groups/lab")
    assert code(http.post("/api/v1/groups", json={"name": "lab"}, headers={**admin, **PROBLEM})) == (
        409,
        "group.taken",
    )
    assert http.get("/api/v1/groups", headers=ann).json()["total"] == 0
    for _ in range(2):
        added = http.put("/api/v1/groups/lab/members/ann@example.org", headers=admin)
        assert added.json()["members"] == ["ann@example.org"]
    assert http.get("/api/v1/groups", headers=ann).json()["groups"][0]["name"] == "lab"
    assert http.get("/api/v1/groups/lab", headers=ann).json()["members"] == ["ann@example.org"]
    assert http.delete("/api/v1/groups/lab/members/ann@example.org", headers=admin).json()["members"] == []
    gone = http.delete("/api/v1/groups/lab/members/ann@example.org", headers={**admin, **PROBLEM})
    assert code(gone) == (404, "group.no-member")
    assert code(http.get("/api/v1/groups/lab", headers={**ann, **PROBLEM})) == (404, "group.unknown")
    deleted = http.delete("/api/v1/groups/lab", headers=admin)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert code(http.get("/api/v1/groups/lab", headers={**admin, **PROBLEM})) == (404, "group.unknown")


def test_a_group_one_is_no_member_of_looks_like_none(server, http, ann) -> None:
    found_group(server, "secret-group", "bob@example.org")
    there = http.get("/api/v1/groups/secret-group", headers={**ann, **PROBLEM})
    absent = http.get("/api/v1/groups/absent-group", headers={**ann, **PROBLEM})
    assert code(there) == code(absent) == (404, "group.unknown")
    assert (
        there.text.replace("secret", "absent").partition("request_id")[0]
        == (absent.text.partition("request_id")[0])
    )
    names = {"Date", "X-Request-Id", "Content-Length"}
    assert {k: v for k, v in there.headers.items() if k.title() not in names} == {
        k: v for k, v in absent.headers.items() if k.title() not in names
    }


@pytest.mark.parametrize("name", ["Lab", "a b", "", "public:x", "a" * 64, "é"])
def test_a_name_that_is_none_is_refused(http, admin, name) -> None:
    answer = http.post("/api/v1/groups", json={"name": name}, headers={**admin, **PROBLEM})
    assert code(answer) == (400, "access.value")


def test_an_address_that_is_none_is_no_member(server, http, admin) -> None:
    found_group(server, "strict")
    answer = http.put("/api/v1/groups/strict/members/a%20b", headers={**admin, **PROBLEM})
    assert code(answer) == (400, "access.value")


def test_the_audit_log_tells_who_did_it_in_pages(server, http, admin) -> None:
    boss = bearer(issue_token(server, "auditor@example.org", [Scope.ADMIN]))
    for name in ("audit-a", "audit-b", "audit-c"):
        http.post("/api/v1/groups", json={"name": name}, headers=boss)
    url, seen = "/api/v1/audit?actor=auditor@example.org&action=group.&limit=2", []
    while url:
        answer = http.get(url, headers=admin)
        assert answer.headers["Cache-Control"].startswith("private")
        seen += [(one["action"], one["subject"]) for one in answer.json()["records"]]
        url = answer.json()["next"]
    assert seen == [("group.create", name) for name in ("audit-c", "audit-b", "audit-a")]
    strange = http.get("/api/v1/audit?cursor=WyJhcGkuYXVkaXQiLCJ4Il0", headers={**admin, **PROBLEM})
    assert code(strange) == (400, "query.cursor")


def test_a_session_acts_over_the_api_from_own_pages_only(server, http) -> None:
    with server.client() as browser:
        sign_in(browser, server, issue_token(server, "boss@example.org", [Scope.ADMIN]))
        elsewhere = browser.post("/api/v1/groups", json={"name": "csrf"}, headers=PROBLEM)
        assert code(elsewhere) == (403, "csrf.origin")
        own = browser.post("/api/v1/groups", json={"name": "no-csrf"}, headers=from_own_page(server))
        assert own.status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/x"),
        ("GET", "/api/v1/groups"),
        ("PUT", "/api/v1/groups/x/members/y"),
        ("GET", "/api/v1/audit"),
    ],
)
def test_whoever_shows_nothing_is_asked_to(http, method, path) -> None:
    answer = http.request(method, path, headers=PROBLEM)
    assert code(answer) == (401, "credentials.missing")
    assert answer.headers.get_list("WWW-Authenticate") == [
        'Bearer realm="marketplace"',
        'Basic realm="marketplace", charset="UTF-8"',
    ]
