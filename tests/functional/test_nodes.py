"""Two web nodes and a worker over one database: what one of them was told, the other one knows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import httpx
import pytest

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.db import Database, upgrade
from marketplace.federation.keys import SiteKeys, create_keys
from marketplace.moments import utc_now
from marketplace.tlog.checkpoint import verify_checkpoint
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import PostgresServer, postgres_server
from tests.functional.access import bearer, sign_in, token_name
from tests.functional.running import RunningServer, free_port, start
from tests.functional.sites import until
from validators import accept

__all__ = ["postgres_server"]

XML = {"Content-Type": "application/rdf+xml", "Accept": "application/problem+json"}
SITE = "mp-nodes.example"
#: Requests a minute with one token.
LIMIT = 120


@dataclass
class Nodes:
    """The nodes, a token for them, and a client of each."""

    first: RunningServer
    second: RunningServer
    token: str
    one: httpx.Client
    two: httpx.Client
    url: str
    keys: SiteKeys

    def issue(self, owner: str) -> str:
        """A token's secret."""
        return issue(self.url, owner, [Scope.READ])


def issue(url: str, owner: str, scopes: list[Scope]) -> str:
    with closing(Database.open(url)) as database, database.write() as session:
        return TokenService(session).create(owner, scopes, by="cli:test", at=utc_now()).secret.text


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'shared.sqlite'}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.create_database()
            stack.callback(server.drop_database, url)
        upgrade(url)
        token = issue(url, "root", [Scope.ADMIN, Scope.READ, Scope.UPLOAD])
        port = free_port()
        shared = {
            "database_url": url,
            "site_url": f"http://127.0.0.1:{port}",
            "query_enabled": "false",
            "server_renewal": "false",
            "limit_token": str(LIMIT),
        }

        keys = create_keys(folder / "keys", SITE)

        def node(name: str, port: int = 0) -> RunningServer:
            shutil.copytree(folder / "keys", folder / name)
            role = "worker" if name == "worker" else "web"
            server = start(folder / name, port, **shared, role=role, node=name)
            stack.callback(server.stop)
            return server

        first, second = node("first", port), node("second")
        node("worker")
        one, two = stack.enter_context(first.client()), stack.enter_context(second.client())
        yield Nodes(first, second, token, one, two, url, keys)


def test_what_one_node_was_told_the_other_one_shows(nodes: Nodes) -> None:
    document = signed(image(content="nodes", title="Regrettable nebula"), make_identity())
    path = accept(document).coordinates.path()
    assert nodes.one.post("/metadata", content=document, headers=XML).status_code == 201
    # At once: the database is asked, and nobody remembers that there was nothing.
    for http in (nodes.two, nodes.one):
        assert http.get(f"/metadata/{path}").content == document
    for http in (nodes.one, nodes.two):
        _await_shown(http)
        _await_published(http, nodes.keys)

    erased = nodes.two.post(
        f"/api/v1/entries/{path}/erase", json={"reason": "asked"}, headers=bearer(nodes.token)
    )
    assert erased.status_code == 200, erased.text
    assert nodes.two.get(f"/metadata/{path}").status_code == 410
    until(lambda: nodes.one.get(f"/metadata/{path}").status_code == 410, "the other node forgets it")
    until(lambda: "nebula" not in nodes.one.get("/metadata?media=json&status=all").text, "lists forget it")


def _await_shown(http: httpx.Client) -> None:
    """Wait until a node shows the entry in every way."""
    until(lambda: http.get("/api/v1/search?q=nebula&status=all").json().get("total") == 1, "words find it")
    assert "Regrettable nebula" in http.get("/metadata?media=json&status=all").text
    until(lambda: http.get("/readyz").json()["followers"]["verdicts"]["behind"] == 0, "it is judged")


def _await_published(http: httpx.Client, keys: SiteKeys) -> None:
    """Wait until a node shows to peers what the worker published."""

    def is_published() -> bool:
        answer = http.get("/fed/v1/logs/public/checkpoint")
        if answer.status_code != 200:
            return False
        return verify_checkpoint(answer.content, keys.verifier(f"{SITE}/public")).checkpoint.size == 1

    until(is_published, "peers can read the entry")


def test_who_signed_in_at_one_node_is_known_at_the_other_until_the_token_is_revoked(nodes: Nodes) -> None:
    secret = nodes.issue("ann")
    with nodes.first.client() as browser:
        assert sign_in(browser, nodes.first, secret).status_code == 303
        cookie = next(one for one in browser.cookies.jar if "mp-session" in one.name)
    headers = {"Accept": "text/html", "Cookie": f"{cookie.name}={cookie.value}"}
    for http in (nodes.one, nodes.two):
        answer = http.get("/account", headers=headers)
        assert answer.status_code == 200 and "ann" in answer.text
    revoke = f"/api/v1/tokens/{token_name(secret)}"
    assert nodes.two.delete(revoke, headers=bearer(nodes.token)).status_code in (200, 204)
    for http in (nodes.one, nodes.two):
        assert http.get("/account", headers=headers).status_code == 401


def test_a_client_that_goes_from_node_to_node_is_held_to_about_one_limit(nodes: Nodes) -> None:
    headers = bearer(nodes.issue("bob"))
    began, passed = time.monotonic(), 0
    while (nodes.one, nodes.two)[passed % 2].get("/api/v1/tokens", headers=headers).status_code == 200:
        passed += 1
    come_back = (time.monotonic() - began) * LIMIT / 60
    # Without telling each other the two let twice as many pass, and twice what came back.
    assert LIMIT <= passed < 1.7 * LIMIT + come_back
    until(lambda: nodes.one.get("/api/v1/tokens", headers=headers).status_code == 429, "the first refuses")
    until(lambda: nodes.two.get("/api/v1/tokens", headers=headers).status_code == 429, "the second refuses")
