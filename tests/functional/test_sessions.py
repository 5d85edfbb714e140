"""Signing in with a browser: cookies, forms of other sites, fixation, and where one is sent afterwards."""

from __future__ import annotations

import base64
import time
from datetime import timedelta

import pytest

from marketplace.access import Scope
from marketplace.audit import AuditLog
from marketplace.db import Database
from tests.functional.access import (
    bearer,
    form_key,
    from_own_page,
    issue_token,
    revoke_token,
    sign_in,
    token_name,
)
from tests.functional.running import running_server
from tests.waiting import HANGING

HTML = {"Accept": "text/html"}


def session_cookie(browser) -> str:
    return next(cookie.value for cookie in browser.cookies.jar if "mp-session" in cookie.name)


def test_a_token_becomes_a_session_and_signing_out_ends_it(server, browser) -> None:
    secret = issue_token(server)
    answer = sign_in(browser, server, secret, "/endorsers?range=7")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{server.url}/endorsers?range=7"
    assert answer.headers["Cache-Control"] == "no-store"
    [written] = [one for one in answer.headers.get_list("Set-Cookie") if "mp-session" in one]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(written.split("; "))
    assert "Secure" not in written and secret[21:] not in str(answer.headers)
    account = browser.get("/account", headers=HTML)
    assert account.status_code == 200 and "ann@<wbr>example.org" in account.text
    assert account.headers["Cache-Control"] == "no-store"
    assert session_cookie(browser) not in account.text
    kept = session_cookie(browser)
    out = browser.post("/logout", data={"key": form_key(account.text)}, headers=from_own_page(server))
    assert out.status_code == 303 and "Max-Age=0" in out.headers["Set-Cookie"]
    assert not any("mp-session" in cookie.name for cookie in browser.cookies.jar)
    again = browser.get("/account", headers={**HTML, "Cookie": f"mp-session-{server.port}={kept}"})
    assert again.status_code == 401


def test_a_wrong_token_signs_nobody_in(server, browser) -> None:
    secret = issue_token(server)
    answer = sign_in(browser, server, secret[:-1] + "!")
    assert answer.status_code == 401 and 'role="alert"' in answer.text
    assert secret[21:40] not in answer.text
    assert browser.get("/account", headers=HTML).status_code == 401
    assert sign_in(browser, server, secret).status_code == 303


def test_each_sign_in_makes_a_cookie_of_its_own_and_ends_the_one_brought(server, browser) -> None:
    """Session fixation: nobody is signed in under a cookie that somebody else knows."""
    secret = issue_token(server)
    planted = "mps_" + "A" * 43
    name = f"mp-session-{server.port}"
    browser.cookies.set(name, planted, domain="127.0.0.1", path="/")
    sign_in(browser, server, secret)
    first = session_cookie(browser)
    assert first != planted
    sign_in_again(server, browser, secret)
    second = session_cookie(browser)
    assert second != first
    with server.client() as other:
        for cookie in (planted, first):
            assert other.get("/account", headers={**HTML, "Cookie": f"{name}={cookie}"}).status_code == 401
        assert other.get("/account", headers={**HTML, "Cookie": f"{name}={second}"}).status_code == 200


def sign_in_again(server, browser, secret) -> None:
    """The form is not offered to who is signed in, and a page that was open before may still be sent."""
    with server.client() as fresh:
        page = fresh.get("/login", headers=HTML)
        for cookie in fresh.cookies.jar:
            browser.cookies.set(cookie.name, cookie.value, domain="127.0.0.1", path="/")
    data = {"token": secret, "key": form_key(page.text), "next": "/"}
    assert browser.post("/login", data=data, headers=from_own_page(server)).status_code == 303


def test_whoever_is_signed_in_is_not_asked_again(server, browser) -> None:
    sign_in(browser, server, issue_token(server))
    answer = browser.get("/login", params={"next": "/about"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{server.url}/about")


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "", "evil", "/é"],
)
def test_nobody_is_sent_to_another_site(server, browser, wanted) -> None:
    answer = sign_in(browser, server, issue_token(server), wanted)
    assert answer.headers["Location"] == f"{server.url}/account"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "csrf.origin"),
        ({"Origin": "https://evil.example"}, "csrf.origin"),
        ({"Origin": "null"}, "csrf.origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "csrf.origin"),
        ({"Sec-Fetch-Site": "same-site"}, "csrf.origin"),
        ({"Sec-Fetch-Site": "none"}, "csrf.origin"),
    ],
)
def test_no_other_site_can_act_with_a_session(server, browser, headers, code) -> None:
    secret = issue_token(server)
    sign_in(browser, server, secret)
    key = form_key(browser.get("/account", headers=HTML).text)
    headers = {"Accept": "application/problem+json", **headers}
    for path in ("/logout", f"/account/tokens/{token_name(secret)}/revoke", "/metadata", "/upload", "/query"):
        answer = browser.post(path, data={"key": key}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code), path
    assert browser.get("/account", headers=HTML).status_code == 200


def test_signing_in_at_another_address_of_the_site_tells_the_right_one(server, browser) -> None:
    """A browser that opened the site by another name sends the cookie there, and never to site.url."""
    data = {"token": issue_token(server), "key": form_key(browser.get("/login", headers=HTML).text)}
    headers = {"Origin": f"http://localhost:{server.port}", "Sec-Fetch-Site": "same-origin"}
    answer = browser.post("/login", data=data, headers=headers | {"Accept": "application/problem+json"})
    assert (answer.status_code, answer.json()["code"]) == (403, "session.address")
    assert f"sign in at {server.url}/login" in answer.json()["detail"]
    assert "Set-Cookie" not in answer.headers


def test_no_other_site_can_sign_somebody_in(server, browser) -> None:
    """Login CSRF: else a reader would work under, and show their searches to, somebody else."""
    secret = issue_token(server)
    page = browser.get("/login", headers=HTML)
    data = {"token": secret, "key": form_key(page.text)}
    headers = {"Accept": "application/problem+json"}
    elsewhere = browser.post("/login", data=data, headers={**headers, "Origin": "https://evil.example"})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "csrf.origin")
    with server.client() as other:
        without = other.post("/login", data=data, headers={**headers, **from_own_page(server)})
    assert (without.status_code, without.json()["code"]) == (403, "csrf.form")
    wrong = browser.post(
        "/login", data={**data, "key": "0" * 64}, headers={**headers, **from_own_page(server)}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (403, "csrf.form")


def test_no_other_site_can_act_with_what_a_browser_remembers_of_basic(server, http) -> None:
    secret = issue_token(server, "boss@example.org", [Scope.ADMIN])
    shown = {"Authorization": "Basic " + base64.b64encode(f"{secret}:".encode()).decode()}
    headers = {"Accept": "application/problem+json", **shown}
    for told in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = http.post("/api/v1/groups", json={"name": "basic"}, headers={**headers, **told})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf.origin")
    for number, told in enumerate(({}, from_own_page(server))):
        answer = http.post("/api/v1/groups", json={"name": f"basic-{number}"}, headers={**headers, **told})
        assert answer.status_code == 201


def test_a_form_is_good_for_its_own_session_only(server, browser) -> None:
    sign_in(browser, server, issue_token(server))
    with server.client() as other:
        sign_in(other, server, issue_token(server, "bob@example.org"))
        key = form_key(other.get("/account", headers=HTML).text)
    answer = browser.post(
        "/logout", data={"key": key}, headers={"Accept": "application/problem+json", **from_own_page(server)}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf.form")


def test_a_token_in_the_address_of_the_form_is_not_looked_at(server, browser) -> None:
    page = browser.get("/login", headers=HTML)
    answer = browser.post(
        "/login",
        params={"token": issue_token(server)},
        data={"key": form_key(page.text)},
        headers={**HTML, **from_own_page(server)},
    )
    assert answer.status_code == 401


def test_own_tokens_can_be_revoked_and_others_are_not_there(server, browser) -> None:
    mine, spare, other = (
        issue_token(server, "eve@example.org"),
        issue_token(server, "eve@example.org"),
        issue_token(server, "bob@example.org"),
    )
    sign_in(browser, server, mine)
    page = browser.get("/account", headers=HTML).text
    assert token_name(spare) in page and token_name(other) not in page
    own = from_own_page(server)
    for name in (token_name(other), "0" * 16, "x"):
        answer = browser.post(f"/account/tokens/{name}/revoke", data={"key": form_key(page)}, headers=own)
        assert answer.status_code == 404
    answer = browser.post(
        f"/account/tokens/{token_name(spare)}/revoke", data={"key": form_key(page)}, headers=own
    )
    assert answer.status_code == 303
    assert browser.get("/account", headers={**HTML, **bearer(spare)}).status_code == 401
    assert browser.get("/account", headers={**HTML, **bearer(other)}).status_code == 200
    assert "revoked" in browser.get("/account", headers=HTML).text


def test_a_session_ends_with_its_token(server, browser) -> None:
    secret = issue_token(server)
    sign_in(browser, server, secret)
    revoke_token(server, secret)
    assert browser.get("/account", headers=HTML).status_code == 401
    # The browser goes on sending the cookie: what everybody may read stays readable.
    assert browser.get("/endorsers", headers=HTML).status_code == 200


def test_a_session_lives_no_longer_than_its_token(server, browser) -> None:
    # On a machine that is busy a token may end before somebody signs in with it: then one that lives longer.
    for seconds in (2, 10, 90):
        sign_in(browser, server, issue_token(server, lives=timedelta(seconds=seconds)))
        if (status := browser.get("/account", headers=HTML).status_code) == 200:
            break
    assert status == 200
    deadline = time.monotonic() + seconds + HANGING
    while browser.get("/account", headers=HTML).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.1)  # between two looks at another process
    assert browser.get("/account", headers=HTML).status_code == 401


def test_a_session_does_more_than_its_token_may_for_nobody(server, browser) -> None:
    sign_in(browser, server, issue_token(server, scopes=[Scope.READ]))
    assert browser.get("/api/v1/audit").status_code == 404


@pytest.mark.parametrize(
    "cookie",
    [
        "mp-session-{port}=",
        "mp-session-{port}=mps_x",
        "mp-session-{port}",
        "mp-session-{port}={good}; mp-session-{port}=x",
        ";;;=",
        "\xff",
    ],
)
def test_cookies_that_are_none_of_ours_are_nobodys(server, browser, cookie) -> None:
    sign_in(browser, server, issue_token(server))
    given = cookie.format(port=server.port, good=session_cookie(browser))
    with server.client() as other:
        headers = {**HTML, "Cookie": given.encode("latin-1")}
        assert other.get("/account", headers=headers).status_code == 401
        assert other.get("/endorsers", headers=headers).status_code == 200


def test_over_https_cookies_are_bound_to_the_host_and_to_https(tmp_path) -> None:
    with running_server(tmp_path, site_url="https://images.example.org") as server, server.client() as client:
        secret = issue_token(server)
        page = client.get("/login", headers=HTML)
        [form] = page.headers.get_list("Set-Cookie")
        assert form.startswith("__Host-mp-form=") and "; Secure" in form and "SameSite=Strict" in form
        cookie = form.partition(";")[0]
        answer = client.post(
            "/login",
            data={"token": secret, "key": form_key(page.text)},
            headers={"Cookie": cookie, "Origin": "https://images.example.org"},
        )
        assert answer.status_code == 303
        assert answer.headers["Location"] == "https://images.example.org/account"
        [session] = [one for one in answer.headers.get_list("Set-Cookie") if "mp-session" in one]
        assert session.startswith("__Host-mp-session=mps_") and "; Secure" in session
        assert "Domain" not in session


def test_guesses_at_the_form_count_like_any_others(tmp_path) -> None:
    with running_server(tmp_path, limit_failures="3") as server, server.client() as client:
        codes = [sign_in(client, server, "mpt_wrong").status_code for _ in range(4)]
        assert codes == [401, 401, 401, 429]


def test_signing_in_and_out_is_recorded(server, browser) -> None:
    secret = issue_token(server, "rec@example.org")
    sign_in(browser, server, secret)
    key = form_key(browser.get("/account", headers=HTML).text)
    browser.post("/logout", data={"key": key}, headers=from_own_page(server))
    database = Database.open(server.database_url)
    with database.read() as session:
        acts = AuditLog(session).page(actor="rec@example.org")
    database.close()
    assert [(act.action, act.subject) for act in acts] == [
        ("session.close", token_name(secret)),
        ("session.open", token_name(secret)),
    ]
