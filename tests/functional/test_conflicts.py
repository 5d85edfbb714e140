"""Contradictions as readers see them: flags, the page, the API, and the way to the entry that lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import running_server
from tests.waiting import wait_for
from validators import accept

JANE = make_identity("Jane", "jane@example.org")
THIEF = make_identity("<b>Thief</b>", "jim@example.org", variant=7)
JIM = make_identity("Jim", "jim@example.org")
GOOD = signed(image(content="a", title="good"), JANE)
BAD = signed(image(content="a", title="bad", deprecated="withdrawn"), JANE)
OWN = signed(image(content="b", title="own"), JIM)
STOLEN = signed(image(content="b", title="<script>alert(1)</script>"), THIEF)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    data: Path = tmp_path_factory.mktemp("conflicts")
    url = f"sqlite:///{data}/marketplace.sqlite"
    upgrade(url)
    database = Database.open(url)
    ingest = IngestService(database, UploadPolicy())
    list(ingest.import_all([GOOD, BAD, OWN, STOLEN]))
    ingest.close()
    database.close()
    (data / "jim.pem").write_bytes(JIM.certificate_pem)
    with running_server(data, trust_anchors=str(data / "jim.pem")) as server, server.client() as client:
        wait_for(lambda: len(client.get("/api/v1/conflicts").json()["conflicts"]) == 2)
        yield client


def test_the_api_names_both_sides_and_leads_to_each(http: httpx.Client) -> None:
    (found,) = http.get("/api/v1/conflicts?endorser=jane@example.org").json()["conflicts"]
    assert (found["kind"], found["total"]) == ("equivocation", 2)
    assert [one["title"] for one in found["entries"]] == ["bad", "good"]
    for one, document in zip(found["entries"], (BAD, GOOD), strict=True):
        answer = http.get(httpx.URL(one["links"]["signed"]).path)
        assert answer.content == document
    (found,) = http.get("/api/v1/conflicts?endorser=jim@example.org").json()["conflicts"]
    assert found["kind"] == "contested"


def test_the_pages_of_the_api_lead_on(http: httpx.Client) -> None:
    first = http.get("/api/v1/conflicts?limit=1").json()
    following = httpx.URL(first["next"])
    second = http.get(following.raw_path.decode()).json()
    assert second["next"] is None
    emails = {page["conflicts"][0]["email"] for page in (first, second)}
    assert emails == {"jane@example.org", "jim@example.org"}
    assert http.get("/api/v1/conflicts?cursor=x").json()["code"] == "query.cursor"


def test_the_page_shows_both_and_escapes_what_they_say(http: httpx.Client) -> None:
    shown = http.get("/conflicts", headers={"Accept": "text/html"}).text
    assert "equivocation" in shown and "contested" in shown
    assert "<script>alert" not in shown and "<b>Thief" not in shown
    assert "&lt;script&gt;" in shown
    only = http.get("/conflicts?email=jane@example.org").text
    assert "jim@example.org" not in only
    assert http.get("/conflicts?after=x").status_code == 400


def test_whose_word_counts_is_told_of_each_side(http: httpx.Client) -> None:
    def standings() -> dict[str, str]:
        (found,) = http.get("/api/v1/conflicts?endorser=jim@example.org").json()["conflicts"]
        return {one["title"]: one["verdict"]["standing"] for one in found["entries"]}

    expected = {"own": "chained", "<script>alert(1)</script>": "self-signed"}
    wait_for(lambda: standings() == expected)
    shown = http.get("/conflicts?email=jim@example.org").text
    assert shown.count(">pinned</") == 1 and shown.count(">self-signed certificate</") == 1
    assert "The certificate itself is a trust anchor of this site." in shown


def test_entries_are_flagged_wherever_they_stand(http: httpx.Client) -> None:
    path = accept(GOOD).coordinates.path()
    page = http.get(f"/metadata/{path}", headers={"Accept": "text/html"}).text
    assert "/conflicts?email=jane@example.org" in page and "conflicting" in page
    entry = http.get(f"/api/v1/entries/{path}").json()
    assert entry["conflicts"] == [accept(GOOD).entry_id]
    assert http.get(f"/metadata/{path}", headers={"Accept": "application/rdf+xml"}).content == BAD


@pytest.mark.parametrize("entry_id", ["0" * 64, "x", "A" * 64, "%00"])
def test_an_id_of_nothing(http: httpx.Client, entry_id: str) -> None:
    assert http.get(f"/api/v1/signed/{entry_id}").status_code in (400, 404)
