"""What readers, publishers and administrators see of an entry that was erased."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.access import Scope
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, issue_token
from tests.functional.running import RunningServer, running_server
from tests.functional.sites import until
from validators import accept

XML = {"Content-Type": "application/rdf+xml", "Accept": "application/problem+json"}
JANE, BOB = make_identity(email="jane@example.org"), make_identity("Bob", "bob@elsewhere.example")
GONE = signed(image(content="legal", title="Regrettable nebula", tags=("mine",)), JANE)
KEPT = signed(image(content="legal", title="Harmless quasar"), BOB)
ENTRY = accept(GONE)
PATH = ENTRY.coordinates.path()
QUERY = {"query": "SELECT ?s WHERE { ?s <http://purl.org/dc/terms/title> ?t }", "media": "json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    # What this process remembers is looked at, so it stays.
    with running_server(tmp_path_factory.mktemp("erased"), server_renewal="false") as running:
        yield running


def test_an_erased_entry_is_gone_everywhere_and_says_so_at_its_url(server: RunningServer) -> None:
    admin = bearer(issue_token(server, "root", [Scope.ADMIN, Scope.READ]))
    with server.client() as client:
        for document in (GONE, KEPT):
            assert client.post("/metadata", content=document, headers=XML).status_code == 201
        until(lambda: "nebula" in client.get("/api/v1/search?q=nebula&status=all").text, "it is found")
        until(lambda: "jane" in client.get("/query", params=QUERY).text, "it is queried")
        assert client.get(f"/metadata/{PATH}").content == GONE  # and in memory from now on

        url = f"/api/v1/entries/{PATH}/erase"
        assert client.post(url, json={"reason": "x"}).status_code == 401
        without = client.post(url, json={"reason": ""}, headers=admin)
        assert (without.status_code, without.json()["code"]) == (400, "erase.reason")
        assert client.get(f"/metadata/{PATH}").content == GONE
        done = client.post(url, json={"reason": "asked by its author"}, headers=admin)
        assert (done.status_code, done.json()) == (200, {"erased": [ENTRY.entry_id]})

        for path in (f"/metadata/{PATH}", f"/api/v1/entries/{PATH}", f"/api/v1/entries/{PATH}/statement"):
            answer = client.get(path, headers={"Accept": "application/problem+json"})
            assert (answer.status_code, answer.json()["code"]) == (410, "entry.erased"), path
            assert "asked by its author" in answer.json()["detail"]
        page = client.get(f"/metadata/{PATH}", headers={"Accept": "text/html"})
        assert page.status_code == 410 and "asked by its author" in page.text
        for path in (
            "/metadata?media=json&status=all", "/api/v1/search?status=all", "/endorsers?media=json",
            "/api/v1/changes", f"/api/v1/images/{ENTRY.identifier}", "/",
        ):  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == 200 and "jane@example.org" not in answer.text, path
        assert client.get("/tag/jane@example.org/mine").status_code == 404
        until(lambda: "jane" not in client.get("/query", params=QUERY).text, "queries forget it")
        # Words answer 503 while their index is made anew.
        words = "/api/v1/search?q=nebula&status=all"
        until(lambda: client.get(words).json().get("total") == 0, "words forget it")

        again = client.post("/metadata", content=GONE, headers=XML)
        assert (again.status_code, again.json()["code"]) == (410, "entry.erased")
        twice = client.post(url, json={"reason": "x"}, headers=admin)
        assert (twice.status_code, twice.json()["code"]) == (404, "entry.unknown")
        acts = client.get("/api/v1/audit?action=entry.erase", headers=admin).json()
        assert "asked by its author" in str(acts)
