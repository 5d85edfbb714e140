"""Somebody writes an endorser's address into a certificate made by themselves, and signs in her name.

By upload and through an open peer, on a site that shows what a trusted authority certified and on one that
shows everything: her entries stay where they were, her image is not withdrawn, and nothing keeps her out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.factories.documents import ImageDraft, image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.sites import Site, sites
from tests.launching import COMMAND, run_text
from tests.unit.trust.authorities import root
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

ROOT = root()
ADDRESS = "jane@example.org"
JANE = make_identity("Jane", ADDRESS, issuer=ROOT)
#: Her next certificate, with a new key.
RENEWED = make_identity("Jane", ADDRESS, issuer=ROOT, variant=1)
EVE = make_identity("Jane", ADDRESS)
JOE, MALLORY = (make_identity("Joe", "joe@example.org", variant=n) for n in (0, 1))
NOW = datetime.now(UTC).replace(microsecond=0)
RDF, JSON = {"Accept": "application/rdf+xml"}, {"Accept": "application/json"}


@dataclass
class Attacked:
    """A site that is attacked, and what brings documents to it."""

    site: Site
    bring: Callable[[bytes], None]
    http: httpx.Client

    def get(self, path: str, **params: str) -> Any:
        answer = self.http.get(path, params=params, headers=JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def entry(self, data: bytes) -> Any:
        return self.get(f"/api/v1/entries/{accept(data).coordinates.path()}")

    def judged(self, data: bytes, standing: str) -> None:
        wait_for(lambda: self.entry(data)["verdict"]["standing"] == standing)

    def listed(self, identifier: str, email: str = ADDRESS) -> list[tuple[str, str]]:
        """Titles and times of the list's rows."""
        answer = self.http.get(f"/metadata/{identifier}/{email}", headers=JSON)
        rows = answer.json().get("aaData", []) if answer.status_code == 200 else []
        return sorted((row[10], row[6]) for row in rows)


@pytest.fixture(scope="module")
def marketplaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    anchors = tmp_path_factory.mktemp("anchors")
    (anchors / "root.pem").write_bytes(ROOT.certificate_pem)
    chosen = {"trust_anchors": str(anchors), "query_enabled": "true", "search_engine": "whoosh"}
    with sites(tmp_path_factory.mktemp("sites"), 3, **chosen) as (anything, chained, peer):
        chained.stop()
        chained.start(**chosen, trust_show="chained")
        for site in (anything, chained):
            site.follow(peer)
        yield {"shows anything": anything, "shows chained": chained, "peer": peer}


@pytest.fixture(params=["shows anything", "shows chained"])
def site(request: pytest.FixtureRequest, marketplaces: dict[str, Site]) -> Site:
    return marketplaces[request.param]


@pytest.fixture(params=["by upload", "through a peer"])
def attacked(request: pytest.FixtureRequest, site: Site, marketplaces: dict[str, Site]) -> Iterator[Attacked]:
    peer = marketplaces["peer"]

    def pulled(data: bytes) -> None:
        path = peer.upload(data)
        site.pull(peer)
        # The peer signs a checkpoint that covers the entry soon after the upload was answered.
        wait_for(lambda: site.has(path, data))

    with ExitStack() as stack:
        assert site.server is not None
        bring = pulled if request.param == "through a peer" else lambda data: (site.upload(data), None)[1]
        yield Attacked(site, bring, stack.enter_context(site.server.client()))


def draft(**fields: Any) -> ImageDraft:
    return image(content=secrets.token_hex(), **fields)


def at(minutes: float) -> str:
    """A moment this long ago."""
    return format_time(NOW - timedelta(minutes=minutes))


def test_her_entry_stays_in_lists_tags_and_searches_and_is_not_withdrawn(attacked: Attacked) -> None:
    tag, word = f"t{secrets.token_hex(4)}", f"w{secrets.token_hex(4)}"
    hers_said = draft(title=f"hers {word}", tags=(tag,))
    hers = signed(hers_said, JANE, at(20))
    attacked.site.upload(hers)
    attacked.judged(hers, "chained")
    theirs = signed(hers_said.but(title=f"theirs {word}", tags=(), deprecated="bad"), EVE, at(10))
    # The tag of hers on another image as well.
    other = signed(draft(title="another image", tags=(tag,)), EVE, at(5))
    for document in (theirs, other):
        attacked.bring(document)
        attacked.judged(document, "self-signed")

    assert (f"hers {word}", at(20)) in attacked.listed(hers_said.about)
    assert attacked.http.get(f"/tag/{ADDRESS}/{tag}", headers=RDF).content == hers
    asked = {"q": word, "trust": "all", "status": "all"}
    wait_for(lambda: attacked.get("/api/v1/search", **asked)["total"] == 2, 60)
    found = {hit["id"]: hit["status"] for hit in attacked.get("/api/v1/search", **asked)["hits"]}
    assert found == {accept(hers).entry_id: "valid", accept(theirs).entry_id: "deprecated"}
    for document, rival in ((hers, theirs), (theirs, hers)):
        told = attacked.entry(document)
        assert (told["current"], told["superseded_by"]) == (True, None)
        assert [one["id"] for one in told["also_current"]] == [accept(rival).entry_id]
    assert attacked.entry(hers)["status"] == "valid"
    assert [one["trusted"] for one in attacked.entry(theirs)["also_current"]] == [True]
    resource = f"http://mp.stratuslab.eu/#{accept(hers).coordinates.path()}"
    query = f"SELECT ?t WHERE {{ <{resource}> <http://mp.stratuslab.eu/slterms#tag> ?t }}"
    wait_for(lambda: "latest" in attacked.http.get("/query", params={"query": query}, headers=JSON).text)


def test_she_is_told_apart_on_the_page_and_at_the_terminal(attacked: Attacked) -> None:
    said = draft()
    hers, theirs = signed(said, JANE, at(20)), signed(said, EVE, at(10))
    attacked.site.upload(hers)
    attacked.bring(theirs)
    path = accept(hers).coordinates.path()
    page = attacked.http.get(f"/metadata/{path}", headers={"Accept": "text/html"}).text
    assert "Two certificates use this address" in page
    assert accept(theirs).coordinates.created_text in page
    shown = run_text([*COMMAND, "show", path, "--endpoint", attacked.site.url])
    assert shown.returncode == 0
    assert "two certificates use this address" in shown.stderr
    assert accept(theirs).coordinates.path() in shown.stdout


def test_her_uploads_are_not_blocked(attacked: Attacked) -> None:
    said = draft()
    first, next_one = signed(said, JANE, at(20)), signed(said.but(title="next"), JANE, at(15))
    attacked.site.upload(first)
    attacked.judged(first, "chained")
    attacked.bring(signed(said.but(title="theirs"), EVE, at(1)))
    tried = attacked.http.post("/api/v1/verify", content=next_one, headers={"Content-Type": "text/xml"})
    assert tried.json()["steps"][-1]["outcome"] == "passed", tried.text
    attacked.site.upload(next_one)
    assert attacked.entry(first)["superseded_by"].endswith(accept(next_one).coordinates.path())


def test_her_place_cannot_be_taken_before_she_comes(attacked: Attacked) -> None:
    said = draft()
    known = signed(said, JANE, at(20))
    attacked.site.upload(known)
    attacked.judged(known, "chained")
    theirs = signed(said.but(title="theirs"), EVE, at(3))
    attacked.bring(theirs)
    hers = signed(said.but(title="hers"), JANE, at(3))
    attacked.site.upload(hers)
    assert attacked.site.has(accept(hers).coordinates.path(), hers)
    assert attacked.entry(hers)["conflicts"] == [accept(theirs).entry_id]


def test_what_she_says_later_takes_the_place_of_theirs(attacked: Attacked) -> None:
    said = draft()
    theirs = signed(said.but(title="theirs"), EVE, at(20))
    attacked.bring(theirs)
    hers = signed(said.but(title="hers"), RENEWED, at(10))
    attacked.site.upload(hers)
    wait_for(lambda: not attacked.entry(theirs)["current"])
    told = attacked.entry(theirs)
    assert told["superseded_by"].endswith(accept(hers).coordinates.path())
    assert attacked.entry(hers)["also_current"] == []
    assert attacked.listed(said.about) == [("hers", at(10))]
    # So does a certificate with a new key to what she said before.
    before = signed(said.but(title="before"), JANE, at(5))
    attacked.site.upload(before)
    wait_for(lambda: not attacked.entry(hers)["current"])


def test_of_two_keys_that_nobody_knows_neither_withdraws_the_other(marketplaces: dict[str, Site]) -> None:
    """Without trust nobody can tell who is who: both are shown, and their own entries follow each other."""
    site, said = marketplaces["shows anything"], draft()
    documents: list[tuple[Identity, str, ImageDraft]] = [
        (JOE, at(20), said.but(title="first")),
        (MALLORY, at(15), said.but(title="withdrawn", deprecated="bad")),
        (JOE, at(10), said.but(title="second")),
    ]
    for identity, created, what in documents:
        site.upload(signed(what, identity, created))
    assert site.server is not None
    with site.server.client() as http:
        rows = http.get(f"/metadata/{said.about}", params={"status": "all"}, headers=JSON).json()["aaData"]
    assert sorted(row[10] for row in rows) == ["second", "withdrawn"]
