"""What the pages answer over HTTP, whatever state the site is in."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import running_server
from tests.waiting import wait_for
from validators import accept

RDF = {"Content-Type": "application/rdf+xml"}
HTML = {"Accept": "text/html"}
ENDORSER = make_identity("Pia", "pia.page@example.org")
SHOWN = signed(image(content="page", title="A page's image", tags=("page",)), ENDORSER)


@pytest.fixture(scope="module", autouse=True)
def stored(server) -> None:
    with server.client() as client:
        assert client.post("/metadata", content=SHOWN, headers=RDF).status_code == 201


def test_the_home_page_lists_without_words_at_once(http):
    answer = http.get("/")
    assert answer.status_code == 200 and "A page&#39;s image" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        *("?q=*", "?q=a*b*c*", "?q=" + "w+" * 200, "?q=" + "(" * 400, "?q=%E2%80%AEx", "?limit=1000000"),
        *("?colour=red", "?sort=luck", "?status=odd", "?created-from=x", "?cursor=x", "?q=x&q=y"),
    ],
)
def test_a_search_that_cannot_be_answered_is_refused_with_its_rule(http, query):
    answer = http.get("/" + query)
    assert answer.status_code == 400
    assert re.search(r"Rule <code>search\.[a-z-]+</code>", answer.text)
    assert 'role="search"' in answer.text


@pytest.mark.parametrize("path", ["/?q=*", "/metadata/nobody@example.org", "/nothing/here"])
def test_a_failure_is_told_again_to_whoever_was_told_before(http, path):
    first = http.get(path, headers=HTML)
    assert first.status_code >= 400 and first.headers["Cache-Control"] == "no-store"
    again = http.get(path, headers=HTML | {"If-None-Match": first.headers.get("ETag", "*")})
    assert again.status_code == first.status_code and "<h1" in again.text


def test_a_view_that_is_not_there_leads_to_the_list_of_views(http):
    page = http.get("/views/nothing", headers=HTML)
    assert page.status_code == 404
    assert '<a class="button" href="/views">All views</a>' in page.text and "Find an image" not in page.text


def test_an_image_of_two_publishers_counts_as_two_entries_on_the_front_page_and_in_the_search(tmp_path):
    with running_server(tmp_path) as running, running.client() as client:
        nothing = client.get("/metadata", headers=HTML)
        assert "No valid images yet." in nothing.text and 'href="/publish">Publish an image' in nothing.text
        assert "<p>0 images. <a" in client.get("/views/default", headers=HTML).text
        for name in ("one", "two"):
            said = signed(image(content="of two"), make_identity(name, f"{name}@example.org"))
            assert client.post("/metadata", content=said, headers=RDF).status_code == 201
        wait_for(lambda: "<h1>2 entries</h1>" in client.get("/?sort=newest").text)
        front = client.get("/").text
    assert '<dt>current entries</dt><dd><a href="/?sort=newest">2</a></dd>' in front


def test_a_hit_says_how_many_tags_it_leaves_out(http, server):
    tags = tuple(f"t{number}" for number in range(9))
    said = signed(image(content="many tags", title="Of many tags", tags=tags), ENDORSER)
    with server.client() as client:
        assert client.post("/metadata", content=said, headers=RDF).status_code == 201
    wait_for(lambda: "and 3 more tags" in http.get("/?sort=newest").text)


def test_unknown_filters_are_answered_with_the_known_ones(http):
    assert "os-version" in http.get("/?colour=red").text
    assert "relevance, newest" in http.get("/?sort=luck").text


def test_without_a_word_index_lists_go_on_and_words_are_put_off(tmp_path):
    with running_server(tmp_path, search_engine="off") as running, running.client() as client:
        assert client.post("/metadata", content=SHOWN, headers=RDF).status_code == 201
        assert "A page&#39;s image" in client.get("/?os=debian").text
        answer = client.get("/?q=image")
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        (instead,) = re.findall(r'href="(/metadata\?sSearch=[^"]*)"', answer.text)
        assert "A page&#39;s image" in client.get(instead, headers=HTML).text
        status = client.get("/status")
        assert status.status_code == 200 and "off" in status.text


def test_the_image_page_knows_entries_only(http):
    identifier = accept(SHOWN).identifier
    assert "A page&#39;s image" in http.get(f"/images/{identifier}").text
    for unknown in ("A" * 27, "x", "A" * 28):
        assert http.get(f"/images/{unknown}", headers=HTML).status_code == 404


def check(http: httpx.Client, data: bytes) -> httpx.Response:
    return http.post("/upload", files={"entry": ("entry.xml", data, "text/xml")}, headers=HTML)


def test_a_check_tells_what_an_upload_would_and_stores_nothing(http):
    fresh = signed(image(content="only checked"), ENDORSER)
    answer = check(http, fresh)
    assert answer.status_code == 200 and "This document can be uploaded" in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert http.get(f"/metadata/{accept(fresh).coordinates.path()}").status_code == 404
    assert "nothing would change" in check(http, SHOWN).text
    older = signed(image(content="page"), ENDORSER, created="2020-01-01T00:00:00Z")
    refused = check(http, older).text
    assert "gate.older-than-latest" in refused and "would be refused" in refused


def test_a_check_without_a_document_is_refused(http):
    assert http.post("/upload", data={"a": "b"}, headers=HTML).status_code == 415
    assert check(http, b"").status_code == 400


def test_a_refused_upload_is_explained_on_its_page(http):
    answer = http.post("/metadata", content=b"<x/>", headers=RDF | HTML)
    assert answer.status_code == 400 and 'class="explanation"' in answer.text


def test_tags_lead_to_what_they_name(http):
    tags = http.get("/endorsers/pia.page@example.org/tags", headers=HTML).text
    assert f"/metadata/{accept(SHOWN).coordinates.path()}" in tags
    everything = http.get("/endorsers/pia.page@example.org?range=36525", headers=HTML).text
    assert "A page&#39;s image" in everything and "/tag/pia.page@example.org/page" in everything


def test_the_operators_page_tells_nothing_about_where_things_are(http, server):
    page = http.get("/status").text
    assert "up to date" in page or "behind" in page
    assert str(server.data) not in page and "sqlite:" not in page


def test_the_operators_page_says_what_each_follower_is_for(http):
    page = http.get("/status").text
    followers = re.findall(r'data-label="Job"><code>([a-z]+)', page)
    purposes = re.findall(r'data-label="Purpose">([^<]+)<', page)
    assert followers == ["verdicts", "conflicts", "search", "sparql"]
    assert len(set(purposes)) == len(followers)
    assert purposes[followers.index("conflicts")] == "entries that contradict each other"


def test_the_reference_leads_from_each_operation_and_schema_to_where_it_is_told(http):
    """By an anchor, which links from the time of one long page have as well."""
    contents = http.get("/docs/reference").text
    told = http.get("/openapi.json").json()
    names = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    names += [f"shape-{name}" for name in told["components"]["schemas"]]
    paths = set(re.findall(r'href="(/docs/reference/[^"#]+)', contents))
    topics = {path: http.get(path).text for path in paths}
    assert len(topics) > 8
    for name in names:
        (path,) = set(re.findall(rf'href="(/docs/reference/[^"#]+)#{re.escape(name)}"', contents))
        assert f'id="{name}"' in contents and f'id="{name}"' in topics[path], name
    for path, page in topics.items():
        assert len(page.encode()) < 60_000, path
        operations, _, _ = page.partition("<h2>Schemas</h2>")
        assert "<code>" in operations and "`" not in operations
        for target, anchor in re.findall(r'href="(/docs/reference/[^"#]+)?#(shape-[^"]+)"', page):
            assert f'id="{anchor}"' in topics[target or path], (path, anchor)
    assert http.get("/docs/reference/nothing").status_code == 404


def test_static_files_have_an_address_for_each_version(http):
    (sheet,) = re.findall(r'rel="stylesheet" href="([^"]+)"', http.get("/about").text)
    answer = http.get(sheet)
    assert answer.status_code == 200 and "?v=" in sheet
    assert answer.headers["Content-Type"].startswith("text/css")


def test_a_check_gives_the_advice_of_lint(http):
    fresh = signed(image(content="advised", tags=("page",), version="0.1"), ENDORSER)
    told = http.post("/api/v1/verify", content=fresh, headers=RDF).json()["advice"]
    codes = [one["code"] for one in told]
    assert "valid.missing" in codes and "location.not-https" in codes
    assert "tag.goes-back" in codes
    page = check(http, fresh).text
    assert "Advice" in page and all(code in page for code in codes)
    assert "Advice" not in check(http, b"<x/>").text


def test_every_page_that_shows_the_command_says_how_to_get_it(http):
    entry = accept(SHOWN).coordinates
    wrong = signed(image(content="unsigned"), ENDORSER).replace(b"</dcterms:title>", b"!</dcterms:title>")
    pages = {
        path: http.get(path, headers=HTML).text
        for path in (
            f"/metadata/{entry.path()}",
            "/publish",
            "/upload",
            f"/images/{entry.identifier}",
        )
    }
    pages["refused"] = http.post("/metadata", content=wrong, headers=RDF | HTML).text
    for path, page in pages.items():
        shows = re.search(r">marketplace [a-z]|data-copy=\"marketplace [a-z]", page)
        assert bool(shows) == ("pipx install image-marketplace" in page), path
    assert sum("pipx install" in page for page in pages.values()) >= 3
