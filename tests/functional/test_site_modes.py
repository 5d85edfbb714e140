"""What a site is as a whole: private (reading needs a token) and replica (takes no uploads)."""

from __future__ import annotations

import re

import pytest

from marketplace.access import Scope
from marketplace.routes import ROUTES
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, issue_token, sign_in
from tests.functional.running import running_server

PROBLEM = {"Accept": "application/problem+json"}
XML = {"Content-Type": "application/rdf+xml"}
ANN = make_identity(email="ann@example.org")

#: What a private site shows to strangers: that it lives, where to sign in, what a site looks like, and what
#: programs look for at fixed paths, which tells of no entry.
OPEN = {
    "health.alive",
    "health.ready",
    "web.robots",
    "web.favicon",
    "web.security",
    "web.login",
    # The secret in the link is the authority, and without it there is nothing.
    "web.action",
    # The way to a provider and back: without one nothing is there.
    "web.login.oidc",
    "web.login.callback",
    # For whoever may not upload to a group of its, no entry is there.
    "api.entry.publish",
    "web.entry.publish",
    # Only signatures of logs that are known here are taken, and only those logs' own checkpoints shown.
    "fed.witness.add",
    "fed.witness.checkpoint",
    "fed.witness.latest",
}
#: Places of the patterns, filled with something that fits.
FILLED = {
    "id": "0" * 64,
    "prefix": "ab",
    "longer": "abcd",
    "level": "0",
    "identifier": "A" * 27,
    "email": "ann@example.org",
    "created": "2024-05-01T12:00:00Z",
}


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("private"), site_mode="private") as server:
        document = signed(image(content="private site", title="Hidden Title"), ANN)
        with server.client() as client:
            headers = {**XML, **bearer(issue_token(server))}
            created = client.post("/metadata", content=document, headers=headers)
            assert created.status_code == 201, created.text
            server.entry = created.headers["Location"].removeprefix(server.url)
        yield server


def path_of(pattern: str) -> str:
    return re.sub(r"\{(\w+)(:(?:[^{}]|\{[^}]*\})*)?\}", lambda found: FILLED.get(found[1], "x"), pattern)


@pytest.mark.parametrize("route", [one for one in ROUTES if one.name not in OPEN], ids=lambda one: one.name)
def test_strangers_get_nothing_from_a_private_site(private, route) -> None:
    with private.client() as client:
        for method in route.methods:
            answer = client.request(method, path_of(route.pattern), headers=PROBLEM)
            assert answer.status_code == 401, (method, route.pattern)
            assert answer.json()["code"] == "credentials.missing"
            assert len(answer.headers.get_list("WWW-Authenticate")) == 2


@pytest.mark.parametrize(
    "path", ["/login", "/healthz", "/readyz", "/static/site.css", "/robots.txt", "/favicon.ico"]
)
def test_signing_in_and_probing_need_nothing(private, path) -> None:
    with private.client() as client:
        answer = client.get(path)
    assert answer.status_code == 200 and "Hidden Title" not in answer.text


def test_a_reader_of_a_private_site_sees_it_and_nobody_caches_it(private) -> None:
    reader = bearer(issue_token(private, scopes=[Scope.READ]))
    with private.client() as client:
        entry = client.get(private.entry, headers={**reader, "Accept": "application/rdf+xml"})
        assert entry.status_code == 200 and b"Hidden Title" in entry.content
        assert (
            entry.headers["Cache-Control"].startswith("private")
            and "public" not in entry.headers["Cache-Control"]
        )
        # It was read a moment ago: memory must not answer strangers either.
        assert client.get(private.entry, headers={"Accept": "application/rdf+xml"}).status_code == 401
        assert client.get("/api/v1/entries", headers=reader).json()["total"] == 1
        sign_in(client, private, issue_token(private))
        assert "Hidden Title" in client.get("/", headers={"Accept": "text/html"}).text


def test_a_token_that_is_not_for_reading_reads_nothing(private) -> None:
    uploader = bearer(issue_token(private, scopes=[Scope.UPLOAD]))
    with private.client() as client:
        assert client.get("/api/v1/entries", headers=uploader).status_code == 404
        again = client.post(
            "/metadata", content=signed(image(content="by uploader"), ANN), headers={**XML, **uploader}
        )
        assert again.status_code == 201


def test_strangers_upload_nothing_to_a_private_site(private) -> None:
    with private.client() as client:
        answer = client.post("/metadata", content=signed(image(content="by nobody"), ANN), headers=XML)
    assert answer.status_code == 401


def test_a_replica_takes_no_uploads_and_answers_everything_else(tmp_path) -> None:
    with running_server(tmp_path, site_mode="replica") as server, server.client() as client:
        answer = client.post("/metadata", content=signed(image(), ANN), headers={**XML, **PROBLEM})
        assert answer.status_code == 403
        assert answer.json()["code"] == "site.read-only" and answer.json()["detail"] == "read-only repository"
        original = client.post("/metadata", content=b"", headers={**XML, "Accept": "application/xml"})
        assert (original.status_code, original.text) == (403, "<error>read-only repository</error>")
        assert client.get("/endorsers").status_code == 200
        page = client.get("/upload", headers={"Accept": "text/html"})
        assert page.status_code == 200 and "accepts no uploads" in page.text
