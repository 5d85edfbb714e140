"""Finding out who asks: what takes as long, what fails in order, and what errors may show."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyramid.request import Request
from sqlalchemy.exc import OperationalError

import marketplace
from marketplace.access import Principal
from marketplace.access.permissions import PERMISSIONS, is_permitted
from marketplace.access.principal import ANONYMOUS, STRANGER, Scope
from marketplace.accounts import secrets as account_secrets
from marketplace.accounts.service import AccessService
from marketplace.config import Settings
from marketplace.http.cookies import SiteCookies
from marketplace.pages.sessions import wanted_path
from marketplace.runtime import build
from tests.databases import upgrade

SECRET = "mpt_0123456789abcdef_" + "A" * 43


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    checked = Settings.from_mapping({"data": str(tmp_path_factory.mktemp("who")), "query.enabled": "false"})
    upgrade(checked.database_url)
    runtime = build(checked)
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
    assert "the database does not answer" in caplog.text and SECRET not in caplog.text


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
    allowed = {"health:read", "session:open", "link:follow", "entry:publish", "log:witness", "view:read"}
    assert is_permitted(permission, STRANGER) == (permission in allowed)


#: What every token lends.
_HOLDERS = frozenset(
    {"account:read", "group:read", "recall:read", "token:make", "token:read", "token:revoke"}
    | {"webhook:read", "webhook:write"}
)


@pytest.mark.parametrize(
    ("scopes", "permissions"),
    [
        ({Scope.READ}, _HOLDERS),
        ({Scope.UPLOAD}, _HOLDERS | {"view:write"}),
        ({Scope.SITE}, _HOLDERS | {"receipt:write"}),
        (
            {Scope.ADMIN},
            _HOLDERS
            | {
                "token:create",
                "group:write",
                "audit:read",
                "entry:erase",
                "cloud-site:read",
                "cloud-site:write",
                "site:administer",
                "view:write",
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


#: Headers travel as bytes, which WSGI shows as these characters.
HEADER = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=200
)


@given(
    authorization=st.none() | HEADER | HEADER.map("Basic {}".format) | HEADER.map("Bearer {}".format),
    cookie=st.none() | HEADER | HEADER.map("mp-session-6543={}; x".format),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
)
@settings(max_examples=300, deadline=None)
def test_no_header_does_more_than_prove_nothing(application, authorization, cookie, method) -> None:
    request = Request.blank("/api/v1/tokens/x", method=method)
    for name, value in (("HTTP_AUTHORIZATION", authorization), ("HTTP_COOKIE", cookie)):
        if value is not None:
            request.environ[name] = value
    answer = request.get_response(application)
    assert answer.status_int in (401, 403, 405)


@given(st.text(max_size=60) | st.text("/\\.:@%?#a\t", max_size=12).map("/{}".format))
@settings(max_examples=300, deadline=None)
def test_whatever_is_wanted_leads_to_this_site(application, wanted) -> None:
    request = Request.blank("/")
    request.registry = application.registry
    path = wanted_path(request, wanted)
    base = "http://127.0.0.1:6543"
    assert path.isascii() and path.isprintable()
    assert urlsplit(urljoin(f"{base}/login", path))[:2] == urlsplit(base)[:2]


@pytest.mark.parametrize(
    ("url", "name", "origin"),
    [
        ("http://127.0.0.1:6543", "mp-session-6543", "http://127.0.0.1:6543"),
        ("http://mp.example.org", "mp-session", "http://mp.example.org"),
        ("https://MP.example.org:443", "__Host-mp-session", "https://mp.example.org"),
        ("https://mp.example.org:8443", "__Host-mp-session", "https://mp.example.org:8443"),
        ("https://example.org/images", "__Secure-mp-session", "https://example.org"),
        ("http://[::1]:80", "mp-session-80", "http://[::1]"),
    ],
)
def test_cookies_and_origin_follow_the_public_address(url, name, origin) -> None:
    cookies = SiteCookies.of(url)
    assert (cookies.session.name, cookies.origin) == (name, origin)
    assert cookies.session.path == ("/images" if url.endswith("/images") else "/")
    written = cookies.session.written("mps_x", 60)[1]
    assert ("; Secure" in written) == url.startswith("https")
