"""A site that shows a part of what its log holds: what each route says of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.waiting import wait_for
from validators import accept

XML = {"Content-Type": "application/rdf+xml"}
JANE, BOB = make_identity(email="jane@example.org"), make_identity("Bob", "bob@elsewhere.example")
SHOWN = signed(image(content="filter", title="Visible quasar", tags=("lts",)), JANE)
HIDDEN = signed(image(content="filter", title="Hidden nebula", tags=("bobs",)), BOB)
ENTRY = accept(HIDDEN)
QUERY = "SELECT ?s WHERE { ?s <http://purl.org/dc/terms/title> ?t }"

#: Where something is said of entries, and what must not occur there while Bob's are not shown.
EVERYWHERE = [
    "/metadata?media=json&status=all",
    "/metadata?media=xml&status=all",
    f"/metadata/{ENTRY.identifier}?media=json&status=all",
    "/endorsers?media=json",
    f"/api/v1/images/{ENTRY.identifier}/verdict",
    f"/images/{ENTRY.identifier}",
    "/api/v1/entries?status=all",
    "/api/v1/search?q=nebula&status=all",
    "/api/v1/search?status=all",
    "/api/v1/search.atom?status=all",
    "/api/v1/endorsers",
    "/api/v1/changes",
    "/",
    "/conflicts",
]
#: Routes that name what is not shown: absent, as if it had never come.
NAMED = [
    f"/metadata/{ENTRY.coordinates.path()}",
    "/metadata/bob@elsewhere.example",
    "/tag/bob@elsewhere.example/bobs",
    "/endorsers/bob@elsewhere.example?media=json",
    f"/api/v1/entries/{ENTRY.coordinates.path()}",
    f"/api/v1/signed/{ENTRY.entry_id}",
    "/api/v1/endorsers/bob@elsewhere.example",
]


@contextmanager
def site(data: Path, **settings: str) -> Iterator[httpx.Client]:
    with running_server(data, **settings) as server, server.client() as client:
        await_followed(server, client)
        yield client


def await_followed(server: RunningServer, client: httpx.Client) -> None:
    """Wait until the followers hold what the log shows."""
    wait_for(
        lambda: (
            "Visible quasar" in client.get("/api/v1/search?q=quasar").text
            and client.get("/query", params={"query": QUERY, "media": "json"}).status_code == 200
        ),
        tell=lambda: server.log.read_text()[-3000:],
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("filtered")
    with running_server(directory) as server, server.client() as client:
        for document in (SHOWN, HIDDEN):
            assert client.post("/metadata", content=document, headers=XML).status_code == 201
        await_followed(server, client)
    return directory


@pytest.fixture(scope="module")
def filtered(data: Path) -> Iterator[httpx.Client]:
    with site(data, federation_accept="endorser:@example.org") as client:
        yield client


@pytest.mark.parametrize("path", EVERYWHERE)
def test_lists_and_searches_leave_out_what_the_filter_hides(filtered: httpx.Client, path: str) -> None:
    answer = filtered.get(path)
    assert answer.status_code == 200, answer.text
    assert "nebula" not in answer.text.replace("q=nebula", "").replace('"nebula"', "")
    assert "bob@elsewhere.example" not in answer.text
    assert ENTRY.entry_id not in answer.text


# Numbered: a signature made now is in some paths, and names of tests are the same in every process.
@pytest.mark.parametrize("path", NAMED, ids=map(str, range(len(NAMED))))
def test_what_is_hidden_is_absent_where_it_is_named(filtered: httpx.Client, path: str) -> None:
    assert filtered.get(path).status_code == 404


def test_sparql_does_not_know_it(filtered: httpx.Client) -> None:
    found = filtered.get("/query", params={"query": QUERY, "media": "json"}).text
    assert "jane" in found
    assert "bob" not in found


def test_the_log_goes_on_counting_it(filtered: httpx.Client) -> None:
    page = filtered.get("/api/v1/changes").json()
    assert (page["size"], page["next_since"], len(page["changes"])) == (2, 2, 1)


def test_uploads_that_nobody_would_see_are_refused(filtered: httpx.Client) -> None:
    for document in (HIDDEN, signed(image(content="another", title="More"), BOB)):
        answer = filtered.post(
            "/metadata", content=document, headers=XML | {"Accept": "application/problem+json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "gate.not-shown")


def test_it_comes_back_when_the_filter_goes(data: Path, filtered: httpx.Client) -> None:
    with running_server(data) as server, server.client() as client:
        assert [path for path in NAMED if client.get(path).status_code != 200] == []
        assert client.get(NAMED[0]).content == HIDDEN
        wait_for(
            lambda: (
                ENTRY.entry_id in client.get("/api/v1/search?q=nebula").text
                and "bob" in client.get("/query", params={"query": QUERY, "media": "json"}).text
            ),
            tell=lambda: server.log.read_text()[-3000:],
        )
