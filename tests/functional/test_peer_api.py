"""Peers by API and by command: added, shown, switched, granted; what others see of them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.access import Scope
from marketplace.tlog.note import SigningKey
from tests.functional.access import issue_token
from tests.functional.running import RunningServer, running_server
from tests.functional.sites import until

NAME = "mp-z.example"
KEY = SigningKey(NAME, Ed25519PrivateKey.generate()).verifier


def keys(name: str) -> dict[str, str]:
    """A site at which nobody is."""
    return {
        "url": f"http://127.0.0.1:1/{name}",
        "key": str(KEY.named(name)),
        "auth_key": str(KEY.named(f"{name}/auth")),
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("peers"), query_enabled="false", search_engine="off"
    ) as running:
        yield running


@pytest.fixture
def admin(site: RunningServer) -> Iterator[httpx.Client]:
    secret = issue_token(site, "root", [Scope.ADMIN])
    with site.client(headers={"Authorization": f"Bearer {secret}"}) as client:
        yield client


def added(admin: httpx.Client, name: str = NAME, **changes: object) -> httpx.Response:
    given = keys(name) | changes
    return admin.post("/api/v1/peers", json={name: value for name, value in given.items() if value})


def test_a_peer_is_added_seen_and_switched_off(site: RunningServer, admin: httpx.Client) -> None:
    answer = added(admin)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].endswith(f"/api/v1/peers/{NAME}")
    assert answer.json()["logs"][0]["origin"] == f"{NAME}/public"
    again = added(admin)
    assert (again.status_code, again.json()["code"]) == (409, "peer.taken")
    with site.client() as anybody:

        def peer() -> dict[str, object]:
            return anybody.get("/api/v1/peers").json()["peers"][0]

        until(lambda: peer()["state"] == "backoff", "nobody is there")
        assert peer()["error"] == "peer.refused"
        until(lambda: bool(anybody.get("/api/v1/alerts").json()["alerts"]), "somebody should look", 120)
        alert = anybody.get("/api/v1/alerts").json()["alerts"][0]
        assert (alert["code"], alert["peer"], alert["severity"]) == ("peer.away", NAME, "warning")
        page = anybody.get("/federation", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert NAME in page.text
        assert "peer.away" in page.text
        assert "Nothing listens at its address" in page.text
        assert f'marketplace_peer_state{{peer="{NAME}",state="backoff"}} 1.0' in anybody.get("/metrics").text
        assert admin.post(f"/api/v1/peers/{NAME}/disable").json()["state"] == "disabled"
        assert peer()["state"] == "disabled"
        assert anybody.get("/api/v1/alerts").json()["alerts"] == []
        pulled = admin.post(f"/api/v1/peers/{NAME}/pull")
        assert (pulled.status_code, pulled.json()["code"]) == (409, "peer.disabled")
        assert admin.post(f"/api/v1/peers/{NAME}/enable").json()["state"] != "disabled"
    assert admin.get("/api/v1/peers/mp-none.example").json()["code"] == "peer.unknown"
    assert admin.post(f"/api/v1/peers/{NAME}/dance").json()["code"] == "peer.action"


def test_everything_but_the_overview_is_for_administrators(site: RunningServer, admin: httpx.Client) -> None:
    added(admin, "mp-y.example")
    with site.client() as anybody:
        for method, path in (
            ("POST", "/api/v1/peers"),
            ("GET", f"/api/v1/peers/{NAME}"),
            ("POST", f"/api/v1/peers/{NAME}/release"),
            ("PUT", f"/api/v1/peers/{NAME}/mirrors"),
            ("PUT", f"/api/v1/peers/{NAME}/groups/astro"),
            ("PUT", f"/api/v1/peers/{NAME}/epoch"),
        ):
            assert anybody.request(method, path).status_code in (401, 404), (method, path)
        assert "log_key" not in anybody.get("/api/v1/peers").text


def test_mirrors_are_named_with_a_peer_and_later(admin: httpx.Client) -> None:
    first, second = "http://127.0.0.1:1/a", "https://mirror.example/b"
    answer = added(admin, "mp-u.example", mirrors=[first])
    assert [one["url"] for one in answer.json()["mirrors"]] == [first]
    path = "/api/v1/peers/mp-u.example/mirrors"
    answer = admin.put(path, json={"mirrors": [second, first, second]})
    nothing = {"bundles": 0, "failures": 0, "error": None}
    assert answer.json()["mirrors"] == [{"url": second, **nothing}, {"url": first, **nothing}]
    assert admin.put(path, json={"mirrors": []}).json()["mirrors"] == []
    for wrong, code in (
        (["ftp://mirror.example"], "peer.address"),
        ([f"http://{n}.example" for n in range(9)], "peer.address"),
        ([7], "body.member"),
        ("http://mirror.example", "body.member"),
    ):
        answer = admin.put(path, json={"mirrors": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert admin.put("/api/v1/peers/mp-t.example/mirrors", json={"mirrors": []}).status_code == 404


def test_a_new_epoch_is_accepted_by_name(admin: httpx.Client) -> None:
    added(admin, "mp-w.example")
    path = "/api/v1/peers/mp-w.example/epoch"
    wrong = admin.put(path, json={"origin": "mp-w.example/other/e2"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "peer.address")
    answer = admin.put(path, json={"origin": "mp-w.example/public/e2"})
    assert (answer.status_code, answer.json()["logs"][0]["origin"]) == (200, "mp-w.example/public/e2")


def test_a_group_is_granted_once_and_taken_back(site: RunningServer, admin: httpx.Client) -> None:
    added(admin, "mp-x.example")
    path = "/api/v1/peers/mp-x.example/groups/astro"
    for unknown in (admin.put(path), admin.delete(path)):
        assert (unknown.status_code, unknown.json()["code"]) == (404, "group.unknown")
        assert unknown.json()["detail"] == "there is no group astro"
    assert admin.post("/api/v1/groups", json={"name": "astro"}).status_code == 201
    for _ in range(2):
        assert admin.put(path).json()["granted"] == ["astro"]
    assert admin.delete(path).json()["granted"] == []
    assert admin.delete(path).status_code == 400
    actions = [one["action"] for one in admin.get("/api/v1/audit").json()["records"]]
    assert {"peer.add", "peer.grant", "peer.revoke"} <= set(actions)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": "ftp://x.example"}, 400, "peer.address"),
        ({"url": "http://user@x.example"}, 400, "peer.address"),
        ({"url": "http://x.example/?q"}, 400, "peer.address"),
        ({"key": "nonsense"}, 400, "key.format"),
        ({"auth_key": str(KEY.named("mp-v.example/auth"))}, 400, "peer.key"),
        ({"key": None}, 400, "body.member"),
    ],
)
def test_faults_have_codes(admin: httpx.Client, changes: dict[str, object], status: int, code: str) -> None:
    answer = added(admin, "mp-w.example", **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
