"""Lists as existing clients read them: XML to cut apart, tables, pages."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from lxml import etree

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from validators import accept

ALICE = make_identity(email="alice@example.org")
BOB = make_identity("Bob Tester", email="bob@example.org", variant=1)


def documents() -> list[bytes]:
    """Twelve images: two deprecated, two expired, one with private storage only, one endorsed twice."""
    made = []
    for n in range(12):
        fields: dict[str, object] = {
            "content": f"list {n}",
            "title": f"Image {n:02}",
            "os": ("debian", "alma")[n % 2],
        }
        if n in (0, 1):
            fields["deprecated"] = "broken"
        if n in (2, 3):
            fields["valid"] = "2024-12-31T00:00:00Z"
        if n == 4:
            fields["locations"] = ("pdisk:example.org:8445:abc",)
        if n == 5:
            fields["title"] = "Ünïcode <&> \"quoted\" 'title'"
        if n == 6:
            fields["os"] = None
        made.append(signed(image(**fields), ALICE, created=f"2024-05-{n + 1:02}T12:00:00Z"))
    # The same image by somebody else, with a comment and a byte order mark around the root.
    other = signed(image(content="list 7", title="Second opinion"), BOB, created="2024-06-01T00:00:00Z")
    made.append(b"\xef\xbb\xbf" + other + b"\n<!-- <rdf:RDF/> -->\n")
    return made


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("lists"), list_cap="10") as running:
        with running.client() as client:
            for data in documents():
                answer = client.post("/metadata", content=data, headers={"Content-Type": "text/xml"})
                assert answer.status_code == 201, answer.text
        yield running


@pytest.fixture
def http(site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row[10] for row in answer.json()["aaData"]]


def test_the_list_is_a_plain_wrapper_around_the_signed_documents(http):
    root = etree.fromstring(http.get("/metadata?limit=5").content)
    assert root.tag == "metadata" and not root.attrib and root.nsmap == {}
    assert len(root) == 5
    for child in root:
        assert child.tag == "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"


def test_each_document_verifies_when_cut_out_by_a_parser(http):
    known = {accept(data).entry_id for data in documents()}
    seen = set()
    for offset in (0, 5):
        for child in etree.fromstring(http.get(f"/metadata?limit=5&offset={offset}").content):
            cut = etree.tostring(child, encoding="UTF-8", with_tail=False)
            seen.add(accept(cut).entry_id)
            # The document's own bytes stand in the list, too.
    assert len(seen) == 9 and seen <= known


def test_the_cap_ends_a_list_with_a_link_to_the_rest(http, site):
    first = http.get("/metadata?status=all")
    assert len(etree.fromstring(first.content)) == 10
    rest = http.get(first.links["next"]["url"])
    assert first.links["next"]["url"].startswith(site.url)
    assert len(etree.fromstring(rest.content)) == 3
    assert "next" not in rest.links


def test_filters(http):
    def count(query: str) -> int:
        return http.get(f"/metadata?media=json&{query}").json()["iTotalRecords"]

    assert count("") == count("status=valid") == 9
    assert (count("status=deprecated"), count("status=expired"), count("status=all")) == (2, 2, 13)
    assert (count("location=pdisk"), count("location=web"), count("location=all")) == (1, 8, 9)
    identifier = accept(documents()[7]).identifier
    assert count(f"identifier={identifier}") == 2
    assert (
        count("email=bob@example.org") == count("email=bob%40example.org&created=2024-06-01T00:00:00Z") == 1
    )
    assert count("created=2024-05-12T12:00:00Z") == 1


def test_paths_filter_too(http):
    identifier = accept(documents()[7]).identifier
    for path, found in (
        (f"/metadata/{identifier}", 2),
        ("/metadata/bob@example.org", 1),
        (f"/metadata/bob%40example.org/{identifier}/", 1),
        (f"/metadata/2024-06-01T00:00:00Z//{identifier}", 1),
        ("/metadata/2024-06-01T00%3A00%3A00Z", 1),
    ):
        assert len(etree.fromstring(http.get(path).content)) == found, path


def test_nothing_found(http):
    for path in (
        "/metadata/x",
        "/metadata/nobody@example.org",
        "/metadata?identifier=nothing",
        "/metadata?offset=99",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.text) == (
            404,
            "<error>no metadata matching query found</error>",
        ), path
    page = http.get("/metadata/nobody@example.org", headers={"Accept": "text/html"})
    assert page.status_code == 404 and "No images match." in page.text
    table = http.get("/metadata/nobody@example.org?media=json")
    assert (table.status_code, table.json()["aaData"]) == (200, [])
    assert table.json()["rMsg"] == "no metadata matching query found"


def test_the_table_protocol(http):
    answer = http.get(
        "/metadata",
        params={"sEcho": "7", "iDisplayStart": 2, "iDisplayLength": 3, "iSortCol_0": 10, "sSortDir_0": "asc"},
        headers={"Accept": "application/json, text/javascript, */*; q=0.01"},
    )
    table = answer.json()
    assert (table["sEcho"], table["iTotalRecords"], table["iTotalDisplayRecords"]) == ("7", 9, 9)
    # By code point: the umlaut comes last.
    assert [row[10] for row in table["aaData"]] == ["Image 07", "Image 08", "Image 09"]
    row = table["aaData"][0]
    assert row[0] == "" and len(row) == 11
    assert row[1:7] == ["alma", "13", "x86_64", "alice@example.org", "machine", "2024-05-08T12:00:00Z"]


def test_absent_values_come_first_and_as_the_string_null(http):
    table = http.get("/metadata?media=json&iSortCol_0=1&sSortDir_0=asc").json()["aaData"]
    assert table[0][1] == "null" and table[1][1] == "alma"
    assert http.get("/metadata?media=json&iSortCol_0=1&sSortDir_0=desc").json()["aaData"][-1][1] == "null"


def test_searches_are_literal_and_ignore_case(http):
    assert titles(http.get("/metadata?media=json&sSearch=IMAGE+2024-05-08t")) == ["Image 07"]
    assert titles(http.get("/metadata?media=json&sSearch=%25")) == []
    assert titles(http.get("/metadata?media=json&sSearch=_")) != ["everything"]
    assert titles(http.get("/metadata", params={"media": "json", "sSearch": "üNÏCODE <&>"})) == [
        "Ünïcode <&> \"quoted\" 'title'"
    ]
    answer = http.get("/metadata?media=json&sSearch_1=alma&sSearch=image").json()
    assert (answer["iTotalRecords"], answer["iTotalDisplayRecords"]) == (9, len(answer["aaData"]))
    assert {row[1] for row in answer["aaData"]} == {"alma"}


def test_the_table_protocol_by_form_post(http):
    form = {"sEcho": "1", "iDisplayStart": "0", "iDisplayLength": "-1", "sSearch_4": "BOB@"}
    table = http.post("/metadata?status=all", data=form).json()
    assert [row[4] for row in table["aaData"]] == ["bob@example.org"]
    assert (table["iTotalRecords"], table["iTotalDisplayRecords"]) == (13, 1)


def test_the_page_escapes_what_it_shows_and_leads_on(http):
    page = http.get("/metadata?limit=4", headers={"Accept": "text/html"}).text
    assert 'rel="next"' in page and "limit=4&amp;offset=4" in page
    everything = http.get("/metadata", headers={"Accept": "text/html"}).text
    assert "Ünïcode &lt;&amp;&gt; &#34;quoted&#34; &#39;title&#39;" in everything
    hostile = http.get("/metadata", params={"media": "html", "sSearch": '"><script>'}).text
    assert "<script>" not in hostile
