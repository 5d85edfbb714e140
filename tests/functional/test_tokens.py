"""Tokens over HTTP: taken as Bearer and Basic, refused for what they are, and never written anywhere."""

from __future__ import annotations

import base64
from datetime import timedelta

import httpx
import pytest

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.config.access import LimitSettings
from marketplace.db import Database
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.access import bearer, issue_token, revoke_token, token_name
from tests.functional.running import RunningServer, running_server
from validators import accept

PROBLEM = {"Accept": "application/problem+json"}
XML = {**PROBLEM, "Content-Type": "application/rdf+xml"}
HTML = {"Accept": "text/html"}


def basic(user: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "show",
    [
        bearer,
        basic,
        lambda secret: basic(secret, "whatever"),
        lambda secret: {"Authorization": f"bearer   {secret}"},
    ],
)
def test_a_token_is_taken_as_bearer_and_as_basic_user_name(server: RunningServer, http, show) -> None:
    secret = issue_token(server)
    answer = http.get("/account", headers={**HTML, **show(secret)})
    assert answer.status_code == 200
    assert "ann@<wbr>example.org" in answer.text and token_name(secret) in answer.text
    assert secret not in answer.text


@pytest.mark.parametrize("path", ["/", "/metadata", "/api/v1/entries", "/metadata/x", "/account", "/healthz"])
def test_wrong_expired_and_revoked_tokens_are_told_apart_and_challenged(server, http, path) -> None:
    expired, revoked = issue_token(server, lives=timedelta(seconds=-1)), issue_token(server)
    revoke_token(server, revoked)
    wrong = issue_token(server)[:-1] + "!"
    for secret, code in ((wrong, "token.invalid"), (expired, "token.expired"), (revoked, "token.revoked")):
        for header in (bearer(secret), basic(secret)):
            answer = http.get(path, headers={**PROBLEM, **header})
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert answer.headers.get_list("WWW-Authenticate") == [
                'Bearer realm="marketplace", error="invalid_token"',
                'Basic realm="marketplace", charset="UTF-8"',
            ]
            assert answer.headers["Cache-Control"] == "no-store"
            assert secret[25:] not in answer.text


def test_what_is_remembered_for_everybody_answers_nobody_with_a_wrong_token(server, http) -> None:
    data = signed(image(content="remembered"), make_identity())
    assert http.post("/metadata", content=data, headers=XML).status_code == 201
    entry = accept(data)
    wrong = bearer(issue_token(server)[:-1] + "!")
    for path in (
        f"/metadata/{entry.coordinates.path()}",
        f"/api/v1/images/{entry.identifier}/verdict",
        "/views/default/SHA256SUMS",
    ):
        # The first answer is made, and the second one remembered.
        assert [http.get(path).status_code for _ in range(2)] == [200, 200], path
        assert http.get(path, headers={**PROBLEM, **wrong}).status_code == 401, path


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Basic",
        "Basic %%%",
        "Basic w6k6",
        "Basic /w==",
        "Bearer mpt_0123456789abcdef_" + "A" * 43,
        "Bearer " + "A" * 9000,
    ],
)
def test_headers_that_hold_no_token_prove_nothing(http, header) -> None:
    answer = http.get("/metadata", headers={**PROBLEM, "Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token.invalid")


def test_another_scheme_is_named(http) -> None:
    answer = http.get("/metadata", headers={**PROBLEM, "Authorization": "Digest username=x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.scheme")
    assert len(answer.headers.get_list("WWW-Authenticate")) == 2


def test_a_browser_gets_no_challenge_that_opens_a_dialog(http) -> None:
    answer = http.get("/account", headers=HTML)
    assert answer.status_code == 401
    assert answer.headers.get_list("WWW-Authenticate") == ['Bearer realm="marketplace"']
    assert 'href="/login?next=/account"' in answer.text


def test_a_right_token_without_the_right_sees_what_is_not_there(server, http) -> None:
    absent = http.get("/api/v1/there-is-nothing", headers=PROBLEM)
    reader = bearer(issue_token(server, scopes=[Scope.READ]))
    for path in ("/api/v1/audit", "/api/v1/audit?limit=x"):
        answer = http.get(path, headers={**PROBLEM, **reader})
        assert answer.status_code == absent.status_code == 404
        assert without_id(answer) == without_id(absent)
    for method, path in (("POST", "/api/v1/tokens"), ("POST", "/api/v1/groups")):
        answer = http.request(method, path, headers={**PROBLEM, **reader}, json={})
        assert answer.status_code == 404 and without_id(answer) == without_id(absent)


def without_id(answer: httpx.Response) -> dict[str, object]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_what_a_token_gets_to_see_is_kept_by_nobody_else(server, http) -> None:
    secret = issue_token(server)
    for path in ("/", "/endorsers", "/api/v1/entries", "/metadata?status=all&media=json&sEcho=1"):
        anonymous = http.get(path)
        answer = http.get(path, headers=bearer(secret))
        assert "private" not in anonymous.headers["Cache-Control"]
        assert anonymous.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"].startswith("private")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers
        for one in (anonymous, answer):
            assert {"authorization", "cookie"} <= {
                part.strip().lower() for part in one.headers["Vary"].split(",")
            }


def test_last_use_is_shown_without_a_write_for_each_request(tmp_path) -> None:
    with running_server(tmp_path) as server, server.client() as client:
        secret = issue_token(server)
        before = (tmp_path / "marketplace.sqlite-wal").stat().st_size
        for _ in range(50):
            assert client.get("/account", headers={**HTML, **bearer(secret)}).status_code == 200
        assert (tmp_path / "marketplace.sqlite-wal").stat().st_size == before
        server.stop()
        database = Database.open(server.database_url)
        with database.read() as session:
            assert TokenService(session).get(token_name(secret)).last_used_at is not None
        database.close()


def test_no_secret_reaches_the_log(tmp_path) -> None:
    with running_server(tmp_path) as server, server.client() as client:
        secret = issue_token(server)
        client.get("/account", headers={**HTML, **bearer(secret)})
        client.get("/account", headers={**HTML, **basic(secret)})
        client.get("/metadata", headers=bearer(secret + "x"))
        client.get("/metadata", params={"token": secret, secret: "x"}, headers={"User-Agent": secret})
        client.get(f"/{secret}/x", headers={"X-Request-Id": secret[:60]})
        client.post("/login", data={"token": secret})
        client.get("/account", headers={**bearer(secret), "X-Request-Id": "with-a-token"})
        last = client.get("/metadata/last", headers={"X-Request-Id": "the-last-one"})
        server.await_log(request_id="the-last-one")
        server.await_log(request_id="with-a-token", token=token_name(secret))
        assert last.status_code == 404
        log = server.log.read_text()
        assert "mpt_[hidden]" in log
        assert secret not in log and secret[-20:] not in log
        assert base64.b64encode(f"{secret}:".encode()).decode()[8:40] not in log


def test_guessing_is_slowed_down_and_does_not_touch_others(tmp_path) -> None:
    with running_server(tmp_path, limit_failures="5") as server, server.client() as client:
        codes = [client.get("/metadata", headers=bearer("wrong")).status_code for _ in range(8)]
        assert codes == [401] * 5 + [429] * 3
        limited = client.get("/account", headers={**PROBLEM, **bearer(issue_token(server))})
        assert (limited.status_code, limited.json()["code"]) == (429, "limit.failures")
        assert 1 <= int(limited.headers["Retry-After"]) <= 60
        assert client.get("/endorsers").status_code == 200


def test_requests_of_an_address_are_limited_where_that_is_set(tmp_path) -> None:
    with running_server(tmp_path, limit_address="60") as server, server.client() as client:
        answers = [client.get("/healthz", headers=PROBLEM) for _ in range(70)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert limited and limited[0].json()["code"] == "limit.address"
        assert limited[0].headers["Retry-After"] == "1"
        assert limited[0].headers["X-Content-Type-Options"] == "nosniff"


def test_uploads_of_an_endorser_are_limited_where_that_is_set(tmp_path) -> None:
    ann, impostor = make_identity("Ann", "ann@example.org"), make_identity("Eve", "ann@example.org")
    with running_server(tmp_path, limit_endorser="3") as server, server.client() as client:

        def upload(number: int, identity: Identity) -> httpx.Response:
            document = signed(
                image(content=f"limited {number} {identity.certificate.serial_number}"), identity
            )
            headers = {**PROBLEM, "Content-Type": "application/rdf+xml"}
            return client.post("/metadata", content=document, headers=headers)

        # Whoever only claims the address uses up no turns of the one who owns it.
        assert [upload(n, impostor).status_code for n in range(4)] == [201, 201, 201, 429]
        assert [upload(n, ann).status_code for n in range(3)] == [201, 201, 201]
        limited = upload(3, ann)
        assert (limited.status_code, limited.json()["code"]) == (429, "limit.endorser")
        assert 1 <= int(limited.headers["Retry-After"]) <= 20
        refused = client.post("/metadata", content=b"<x/>", headers={"Content-Type": "application/rdf+xml"})
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("setting", "code", "ask"),
    [
        (
            "limit_uploads",
            "limit.uploads",
            lambda client: client.post("/metadata", content=b"x", headers=XML),
        ),
        ("limit_uploads", "limit.uploads", lambda client: client.post("/upload", content=b"x", headers=XML)),
        (
            "limit_uploads",
            "limit.uploads",
            lambda client: client.post("/api/v1/verify", content=b"x", headers=XML),
        ),
        (
            "limit_queries",
            "limit.queries",
            lambda client: client.get("/query", params={"query": "no query"}, headers=PROBLEM),
        ),
    ],
    ids=["upload", "check", "dry run", "query"],
)
def test_what_costs_much_is_limited_by_address(tmp_path, setting, code, ask) -> None:
    with running_server(tmp_path, **{setting: "3"}) as server, server.client() as client:
        answers = [ask(client) for _ in range(4)]
        assert [answer.status_code == 429 for answer in answers] == [False] * 3 + [True]
        assert answers[-1].json()["code"] == code
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
        assert client.get("/metadata", headers=PROBLEM).status_code in (200, 404)


def test_limits_are_on_from_the_start_and_far_from_usual_work() -> None:
    limits = LimitSettings()
    assert limits.address == 0, "caches and proxies read for many"
    assert (limits.uploads, limits.queries, limits.token, limits.endorser) == (600, 300, 6000, 600)


def test_clients_behind_a_trusted_proxy_are_told_apart(tmp_path) -> None:
    settings = {"limit_address": "30", "server_trusted_proxy": "127.0.0.1"}
    with running_server(tmp_path, **settings) as server, server.client() as client:
        for_one = [
            client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}).status_code
            for _ in range(40)
        ]
        assert 429 in for_one
        # What a client claims before the proxy adds its own word changes nothing.
        spoofed = client.get("/healthz", headers={"X-Forwarded-For": "198.51.100.4, 192.0.2.1"})
        assert spoofed.status_code == 429
        assert client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 200
        server.await_log(client="192.0.2.2")


def test_uses_of_a_token_are_limited_where_that_is_set(tmp_path) -> None:
    with running_server(tmp_path, limit_token="10") as server, server.client() as client:
        first, second = issue_token(server), issue_token(server)
        codes = [client.get("/endorsers", headers=bearer(first)).status_code for _ in range(12)]
        assert codes == [200] * 10 + [429] * 2
        limited = client.get("/endorsers", headers={**PROBLEM, **bearer(first)})
        assert limited.json()["code"] == "limit.token" and int(limited.headers["Retry-After"]) >= 1
        assert client.get("/endorsers", headers=bearer(second)).status_code == 200
        assert client.get("/endorsers").status_code == 200
