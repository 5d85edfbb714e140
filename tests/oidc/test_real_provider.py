"""Signing in by a real provider, from the button to the groups and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from marketplace.audit import AuditLog
from marketplace.db import Database
from tests.functional.access import form_key, found_group, from_own_page, issue_token, sign_in
from tests.functional.running import RunningServer, free_port, running_server
from tests.oidc.real import RealProvider, answer_of_provider, go_to_provider, real_provider, sign_in_as

HTML = {"Accept": "text/html"}
ANN = {"email": "ann@example.org", "email_verified": True, "groups": ["/cloud/images", "staff"]}


@dataclass(frozen=True)
class Place:
    site: RunningServer
    provider: RealProvider


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port = free_port()
    with real_provider(tmp_path_factory.mktemp("provider"), f"http://127.0.0.1:{port}") as provider:
        settings = provider.settings() | {
            "oidc_groups": "/cloud/images=images, gone=gone",
            "oidc_admit": "staff",
            "oidc_administrators": "operators",
            "oidc_title": "Example University",
        }
        with running_server(tmp_path_factory.mktemp("site"), port, **settings) as site:
            found_group(site, "images")
            found_group(site, "by-name", "ann@example.org")
            yield Place(site, provider)


@pytest.fixture
def browser(place: Place) -> Iterator[httpx.Client]:
    place.provider.knows({"ann": ANN})
    with place.site.client() as client:
        yield client


def test_a_person_is_signed_in_with_groups_by_claim_and_by_name(place: Place, browser: httpx.Client) -> None:
    assert "Sign in with Example University" in browser.get("/login", headers=HTML).text
    answer = sign_in_as(browser, "ann", "/endorsers?range=7")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{place.site.url}/endorsers?range=7")
    assert answer.headers["Cache-Control"] == "no-store"
    session = next(one for one in answer.headers.get_list("Set-Cookie") if "mp-session" in one)
    assert {"HttpOnly", "SameSite=Lax"} <= set(session.split("; "))
    account = browser.get("/account", headers=HTML).text
    assert "ann@<wbr>example.org" in account and "Example University" in account
    assert "scope=group:images" in account and "scope=group:by-name" in account
    assert browser.get("/api/v1/audit").status_code == 404
    out = browser.post("/logout", data={"key": form_key(account)}, headers=from_own_page(place.site))
    assert out.status_code == 303
    assert browser.get("/account", headers=HTML).status_code == 401


def test_the_provider_is_asked_as_the_specification_wants_it(place: Place, browser: httpx.Client) -> None:
    leaving = go_to_provider(browser)
    asked = parse_qs(urlsplit(leaving.headers["Location"]).query)
    assert asked["response_type"] == ["code"] and asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{place.site.url}/login/oidc/callback"]
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == len(asked["code_challenge"][0]) == 43
    [kept] = [one for one in leaving.headers.get_list("Set-Cookie") if "mp-attempt" in one]
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=600"} <= set(kept.split("; "))
    assert asked["state"][0] not in kept


def test_groups_and_rights_are_looked_at_again_at_each_sign_in(place: Place, browser: httpx.Client) -> None:
    sign_in_as(browser, "ann")
    place.provider.knows({"ann": {**ANN, "groups": ["staff", "operators", "gone"]}})
    assert "scope=group:images" in browser.get("/account", headers=HTML).text
    with place.site.client() as later:
        sign_in_as(later, "ann")
        account = later.get("/account", headers=HTML).text
        assert "scope=group:images" not in account and "scope=group:gone" not in account
        assert later.get("/api/v1/audit").status_code == 200
    assert browser.get("/api/v1/audit").status_code == 404


def test_a_token_of_the_same_name_gets_no_group_by_claim(place: Place, browser: httpx.Client) -> None:
    """Membership by a claim belongs to the session, whatever else has the person's name."""
    sign_in_as(browser, "ann")
    with place.site.client() as other:
        sign_in(other, place.site, issue_token(place.site))
        account = other.get("/account", headers=HTML).text
    assert "scope=group:by-name" in account and "scope=group:images" not in account


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({**ANN, "groups": ["guests"]}, "only members of certain groups"),
        ({**ANN, "groups": None}, "only members of certain groups"),
        ({**ANN, "email_verified": False}, "has verified the address"),
        ({"groups": ["staff"]}, "does not tell your email"),
        ({**ANN, "email": "ann example"}, "is not a valid user name here"),
        ({**ANN, "email": "system"}, "is not a valid user name here"),
        ({**ANN, "email": {"a": 1}}, "does not tell your email"),
    ],
)
def test_who_may_not_sign_in_is_told_why(place: Place, browser: httpx.Client, claims, said: str) -> None:
    place.provider.knows({"eve": claims})
    answer = sign_in_as(browser, "eve")
    assert answer.status_code == 403 and said in answer.text and 'role="alert"' in answer.text
    assert browser.get("/account", headers=HTML).status_code == 401


def test_an_answer_signs_in_once_and_in_its_own_browser_only(place: Place, browser: httpx.Client) -> None:
    leaving = go_to_provider(browser)
    kept = {cookie.name: cookie.value for cookie in browser.cookies.jar}
    back = answer_of_provider(leaving, "ann")
    with place.site.client() as victim:  # login CSRF: somebody else's answer
        refused = victim.get(back, headers=HTML)
        assert refused.status_code == 403 and "did not start this sign-in" in refused.text
        go_to_provider(victim)
        assert victim.get(back, headers=HTML).status_code == 403
        assert victim.get("/account", headers=HTML).status_code == 401
    assert browser.get(back, headers=HTML).status_code == 303
    assert not any("mp-attempt" in cookie.name for cookie in browser.cookies.jar)
    again = browser.get(back, headers=HTML)
    assert again.status_code == 403 and "did not start this sign-in" in again.text
    with place.site.client() as thief:  # with the cookie, too
        for name, value in kept.items():
            thief.cookies.set(name, value, domain="127.0.0.1", path="/")
        refused = thief.get(back, headers=HTML)
    assert refused.status_code == 403 and "was already used" in refused.text


def test_what_was_kept_leads_nowhere_else(place: Place, browser: httpx.Client) -> None:
    for wanted in ("//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"):
        answer = sign_in_as(browser, "ann", wanted)
        assert answer.headers["Location"] == f"{place.site.url}/account"
        browser.cookies.clear()


def test_a_cookie_that_was_planted_leads_nowhere_else(place: Place, browser: httpx.Client) -> None:
    from marketplace.oidc.attempt import Attempt

    leaving = go_to_provider(browser)
    [cookie] = [one for one in browser.cookies.jar if "mp-attempt" in one.name]
    attempt = Attempt.parse(str(cookie.value))
    assert attempt is not None
    planted = Attempt(attempt.secret, "//evil.example/").cookie()
    browser.cookies.set(cookie.name, planted, domain=cookie.domain, path="/")
    answer = browser.get(answer_of_provider(leaving, "ann"), headers=HTML)
    assert answer.headers["Location"] == f"{place.site.url}/account"


def test_a_page_of_another_site_starts_no_sign_in(place: Place, browser: httpx.Client) -> None:
    for query in ("", "?key=" + "0" * 64, "?next=/about"):
        answer = browser.get(f"/login/oidc{query}", headers=HTML)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{place.site.url}/login")
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("error=access_denied&state={state}&iss={issuer}", "did not sign you in (&#39;access_denied&#39;)"),
        ("state={state}&iss={issuer}", "without a code"),
        ("code=x&state={state}&iss=https://evil.example", "is not from"),
        ("code=x&state={state}", "is not from"),
        ("code=x&state={state}&iss={issuer}", "does not take this sign-in"),
        ("error=Call%20555&state=x", "did not start this sign-in"),
        ("code=x", "did not start this sign-in"),
        ("", "did not start this sign-in"),
    ],
)
def test_answers_that_sign_nobody_in(place: Place, browser: httpx.Client, query: str, said: str) -> None:
    """Among them a mix-up (RFC 9207), and texts that other sites would like to show on this one."""
    leaving = go_to_provider(browser)
    state = parse_qs(urlsplit(leaving.headers["Location"]).query)["state"][0]
    query = query.format(state=state, issuer=place.provider.url)
    answer = browser.get(f"/login/oidc/callback?{query}", headers=HTML)
    assert answer.status_code == 403 and said in answer.text and "Call 555" not in answer.text
    assert browser.get("/account", headers=HTML).status_code == 401


def test_signing_in_and_out_is_on_record_and_its_code_in_no_log(place: Place, browser: httpx.Client) -> None:
    leaving = go_to_provider(browser)
    back = answer_of_provider(leaving, "ann")
    browser.get(back, headers=HTML)
    database = Database.open(place.site.database_url)
    with database.read() as session:
        act = AuditLog(session).page(actor="ann@example.org", action="session.open")[0]
    database.close()
    assert act.subject == place.provider.url
    assert act.details == {"subject": "ann", "scopes": "read upload", "groups": "images"}
    line = place.site.await_log(path="/login/oidc/callback", status=303, query="-")
    assert line["query"] == "-"
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert code not in place.site.log.read_text()


def test_while_the_provider_is_away_pages_and_tokens_go_on(tmp_path: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    settings = {"oidc_issuer": f"http://{away}", "oidc_client_id": "site"}
    with running_server(tmp_path, **settings) as site, site.client() as browser:
        refused = go_to_provider(browser)
        assert refused.status_code == 503 and refused.headers["Retry-After"] == "10"
        assert f"The sign-in provider cannot be reached: {away}" in refused.text
        assert f"{away} cannot be reached" in browser.get("/login", headers=HTML).text
        assert browser.get("/", headers=HTML).status_code == 200
        assert sign_in(browser, site, issue_token(site)).status_code == 303
        assert browser.get("/account", headers=HTML).status_code == 200


def test_a_site_without_a_provider_has_no_such_door(tmp_path: Path) -> None:
    with running_server(tmp_path) as site, site.client() as browser:
        assert "/login/oidc" not in browser.get("/login", headers=HTML).text
        for path in ("/login/oidc", "/login/oidc/callback?code=x&state=x"):
            assert browser.get(path, headers=HTML).status_code == 404
