"""Uploading an entry and getting it back, as existing clients do it."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import httpx
import pytest
from lxml import etree

from marketplace.routes import ROUTES
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import AUTHORITIES
from validators import accept

RDF = {"Content-Type": "application/rdf+xml"}
ALICE = make_identity(email="alice@example.org", key="p256")


def entry(name: str, created: str = "2024-05-01T12:00:00Z", **fields: object) -> bytes:
    return signed(image(content=name, **fields), ALICE, created=created)


def path_of(data: bytes) -> str:
    return "/metadata/" + accept(data).coordinates.path()


@pytest.fixture(scope="module")
def stored(server) -> bytes:
    data = entry("stored", title="Stored <b>&amp;</b>".replace("&amp;", "&"), tags=("stable",))
    with server.client() as client:
        assert client.post("/metadata", content=data, headers=RDF).status_code == 201
    return data


@pytest.mark.parametrize(
    "content_type", ["application/xml", "text/xml", "application/rdf+xml; charset=utf-8"]
)
def test_an_upload_is_confirmed_and_its_bytes_come_back(http, server, content_type):
    data = entry(f"upload as {content_type}")
    answer = http.post("/metadata", content=data, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.text) == (201, "metadata entry created")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Location"] == answer.headers["Content-Location"] == server.url + path_of(data)
    assert http.get(answer.headers["Location"]).content == data


def test_the_same_upload_again_gets_the_same_answer_and_changes_nothing(http, stored):
    before = http.get("/metadata?media=json").json()["iTotalRecords"]
    answer = http.post("/metadata", content=stored, headers=RDF)
    assert (answer.status_code, answer.text) == (201, "metadata entry created")
    assert http.get("/metadata?media=json").json()["iTotalRecords"] == before


def test_a_form_upload_takes_the_first_file_and_answers_browsers_with_a_page(http):
    data = entry("by form")
    answer = http.post(
        "/metadata",
        data={"comment": "hello"},
        files=[("a", ("a.xml", data, "text/xml")), ("b", ("b.xml", b"no entry", "text/xml"))],
        headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
    )
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Permanent link" in answer.text and path_of(data) in answer.text


def test_a_chunked_upload_is_taken(http):
    data = entry("chunked")
    answer = http.post(
        "/metadata", content=(data[i : i + 700] for i in range(0, len(data), 700)), headers=RDF
    )
    assert answer.status_code == 201
    assert http.get(path_of(data)).content == data


def test_other_bytes_at_the_same_coordinates_are_a_conflict(http, stored):
    other = entry("stored", title="another title")
    answer = http.post("/metadata", content=other, headers=RDF | {"Accept": "application/problem+json"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict.coordinates"
    assert http.get(path_of(stored)).content == stored


def test_an_older_entry_than_the_latest_is_refused_by_the_gate(http, stored):
    older = entry("stored", created="2020-01-01T00:00:00Z")
    answer = http.post("/metadata", content=older, headers=RDF | {"Accept": "application/problem+json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "gate.older-than-latest")
    assert answer.json()["step"] == 8
    assert http.get(path_of(older)).status_code == 404


def test_the_headers_of_an_entry(http, stored):
    identifier = accept(stored).identifier
    for _ in ("from the database", "from memory"):
        answer = http.get(path_of(stored))
        assert answer.content == stored
        assert answer.headers["Content-Type"] == "application/rdf+xml"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{identifier}.xml"'
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["ETag"] == f'"{sha256(stored).hexdigest()[:32]}"'
        assert answer.headers["Vary"] == "Accept, Accept-Encoding, Authorization, Cookie"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Server"] == "marketplace"
        assert len(answer.headers["X-Request-Id"]) >= 8


def test_a_known_entry_is_not_sent_again(http, stored):
    etag = http.get(path_of(stored)).headers["ETag"]
    for known in (etag, f'"other", {etag}', "*", f"W/{etag}"):
        answer = http.get(path_of(stored), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "immutable" in answer.headers["Cache-Control"]
    assert http.get(path_of(stored), headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_is_get_without_the_body(http, stored):
    for path in (path_of(stored), "/metadata", "/metadata?media=json", "/endorsers", "/", "/healthz"):
        head, get = http.head(path), http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("Content-Type", "ETag", "Cache-Control", "Content-Length"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)


def test_parts_are_recognised_in_any_order_and_slashes_do_not_matter(http, server, stored):
    coordinates = accept(stored).coordinates
    one, two, three = coordinates.identifier, coordinates.email, coordinates.created_text
    for path in (
        f"/metadata/{two}/{three}/{one}",
        f"/metadata/{three}/{one}/{two}/",
        f"{server.url}//metadata//{one}///{two}/{three}//",
        f"/metadata/{one}/{two.replace('@', '%40')}/{three.replace(':', '%3A')}",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.content) == (200, stored), path
        assert f'filename="{one}.xml"' in answer.headers["Content-Disposition"]


def test_an_entry_as_rdf_json(http, stored):
    answer = http.get(path_of(stored), headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"].startswith("application/json")
    statements = answer.json()[f"http://mp.stratuslab.eu/#{accept(stored).identifier}"]
    assert statements["http://purl.org/dc/terms/alternative"] == [{"type": "literal", "value": "stable"}]
    assert statements["http://mp.stratuslab.eu/slreq#endorsement"][0]["type"] == "bnode"
    assert "immutable" in answer.headers["Cache-Control"]


def test_an_entry_as_a_page_escapes_what_it_shows(http, stored):
    answer = http.get(path_of(stored), headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "Stored &lt;b&gt;&amp;&lt;/b&gt;" in answer.text and "<b>" not in answer.text
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)


def test_an_unknown_entry(http, stored):
    path = path_of(stored).replace("2024", "2023")
    assert (http.get(path).status_code, http.get(path).text) == (
        404,
        "<error>metadata entry not found.</error>",
    )
    answer = http.get(path, headers={"Accept": "application/json"})
    assert answer.json() == {"404": "metadata entry not found."}
    page = http.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 404 and "metadata entry not found." in page.text


def test_superseded_entries_stay_at_their_address_and_leave_the_list(http):
    first = entry("timeline", created="2024-01-01T00:00:00Z")
    second = entry("timeline", created="2024-02-01T00:00:00Z", deprecated="broken")
    for data in (first, second):
        assert http.post("/metadata", content=data, headers=RDF).status_code == 201
    assert http.get(path_of(first)).content == first
    assert http.get(path_of(second)).content == second
    identifier = accept(first).identifier
    assert http.get(f"/metadata/{identifier}").status_code == 404
    listed = etree.fromstring(http.get(f"/metadata/{identifier}?status=all").content)
    assert [accept(etree.tostring(child)).created for child in listed] == [accept(second).created]
    page = http.get(path_of(first), headers={"Accept": "text/html"}).text
    # In red also where nobody is trusted, as here: the publisher speaks of its own image.
    banner = re.search(
        r'<p class="banner bad"[^>]*>Outdated, and its publisher has withdrawn[^§]*?</p>', page
    )
    assert banner is not None and "broken" in banner[0] and path_of(second) in banner[0]


def test_a_tag_names_the_newest_entry_of_its_endorser(http, stored):
    newer = entry("tagged newer", created="2024-06-01T00:00:00Z", tags=("series", "a/b c"))
    for data in (entry("tagged", tags=("series",)), newer):
        assert http.post("/metadata", content=data, headers=RDF).status_code == 201
    for path in (
        "/metadata/alice@example.org?tag=series",
        "/tag/alice@example.org/series",
        "/tag/alice%40example.org/a%2Fb%20c",
    ):
        answer = http.get(path)
        assert answer.content == newer, path
        assert answer.headers["Content-Type"].startswith("application/rdf+xml")
        assert answer.headers["Content-Location"].endswith(path_of(newer))
        assert "immutable" not in answer.headers["Cache-Control"]
        for kind in ("text/html", "application/json"):
            other = http.get(path, headers={"Accept": kind})
            assert other.headers["Content-Type"].startswith(kind)
            assert other.headers["Content-Location"].endswith(path_of(newer))
    missing = http.get("/tag/alice@example.org/nothing")
    assert (missing.status_code, missing.text) == (404, "<error>metadata entry not found.</error>")


def test_a_refusal_in_each_form(http):
    bad = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    xml = http.post("/metadata", content=bad, headers=RDF)
    assert xml.status_code == 400
    reason = etree.fromstring(xml.content).text
    assert reason.startswith("invalid metadata: ")
    as_json = http.post("/metadata", content=bad, headers=RDF | {"Accept": "application/json"})
    assert as_json.json() == {"400": reason}
    page = http.post("/metadata", content=bad, headers=RDF | {"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html") and "invalid metadata: " in page.text
    problem = http.post("/metadata", content=bad, headers=RDF | {"Accept": "application/problem+json"})
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert {"status", "code", "step", "element", "found", "expected", "detail", "request_id"} <= set(
        problem.json()
    )


def test_methods_without_a_view_are_answered_with_the_ones_there_are(http, stored):
    for path, allow in (
        ("/metadata", "GET, POST, HEAD, OPTIONS"),
        (path_of(stored), "GET, HEAD, OPTIONS"),
        ("/api/v1/verify", "POST, OPTIONS"),
    ):
        answer = http.request("DELETE", path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


def test_other_sites_pages_may_read(http, stored):
    answer = http.options(
        path_of(stored), headers={"Origin": "http://x", "Access-Control-Request-Method": "GET"}
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" not in answer.headers["Access-Control-Allow-Methods"]


def test_links_come_from_the_configuration_and_not_from_host(http, server):
    answer = http.post("/metadata", content=entry("host"), headers=RDF | {"Host": "evil.example"})
    assert answer.headers["Location"].startswith(server.url)
    assert (
        "evil.example"
        not in http.get("/metadata", headers={"Accept": "text/html", "Host": "evil.example"}).text
    )


def test_a_dry_run_reports_every_step_and_stores_nothing(http, stored):
    new = entry("dry run")
    report = http.post("/api/v1/verify", content=new, headers=RDF).json()
    assert report["verdict"] == "accepted"
    assert [(step["step"], step["outcome"]) for step in report["steps"]] == [
        (n, "passed") for n in range(1, 9)
    ]
    assert http.get(path_of(new)).status_code == 404
    again = http.post("/api/v1/verify", content=stored, headers=RDF).json()
    assert (again["verdict"], again["steps"][-1]["code"]) == ("accepted", "gate.unchanged")
    conflict = http.post("/api/v1/verify", content=entry("stored", title="x"), headers=RDF).json()
    assert (conflict["verdict"], conflict["steps"][-1]["code"]) == ("refused", "conflict.coordinates")
    old = http.post(
        "/api/v1/verify", content=entry("stored", created="2001-01-01T00:00:00Z"), headers=RDF
    ).json()
    assert old["steps"][-1]["code"] == "gate.older-than-latest"
    broken = http.post("/api/v1/verify", content=new.replace(b"debian", b"fedora"), headers=RDF)
    assert broken.status_code == 200
    assert broken.json()["verdict"] == "refused" and broken.json()["refusal"]["step"] == 3
    outcomes = [step["outcome"] for step in broken.json()["steps"]]
    assert outcomes == ["passed", "passed", "failed", *["not-reached"] * 5]
    assert http.post("/api/v1/verify", content=b"", headers=RDF).json()["code"] == "body.empty"


def test_endorsers_in_each_form(http, stored):
    table = json.loads(http.get("/endorsers", headers={"Accept": "application/json"}).content)
    assert table["head"]["vars"] == ["email", "subject", "issuer"]
    assert "alice@example.org" in [row["email"]["value"] for row in table["results"]["bindings"]]
    xml = http.get("/endorsers")
    assert etree.fromstring(xml.content).tag == "{http://www.w3.org/2005/sparql-results#}sparql"
    typed = http.get("/endorsers", headers={"Accept": "application/sparql-results+xml"})
    assert typed.headers["Content-Type"].startswith("application/sparql-results+xml")
    assert "alice@example.org" in http.get("/endorsers?media=html").text


def test_what_an_endorser_said_lately_and_its_tags(http, stored):
    everything = http.get("/endorsers/alice@example.org?range=36525&media=json").json()
    variables = ["identifier", "created", "description", "location", "deprecated", "email"]
    assert everything["head"]["vars"] == variables
    assert accept(stored).identifier in [
        row["identifier"]["value"] for row in everything["results"]["bindings"]
    ]
    assert http.get("/endorsers/alice@example.org?media=json").json()["results"]["bindings"] == []
    tags = http.get("/endorsers/alice@example.org/tags?media=json").json()
    assert {"tag": {"type": "literal", "value": "stable"}} in tags["results"]["bindings"]
    assert http.get("/endorsers/nobody@example.org").status_code == 404
    assert http.get("/endorsers/alice@example.org?range=-1").status_code == 400


def test_the_other_pages(http):
    for path in ("/", "/upload", "/metadata?status=all", "/static/site.css"):
        answer = http.get(path, headers={"Accept": "text/html,*/*;q=0.1"})
        assert answer.status_code == 200, path
    assert 'enctype="multipart/form-data"' in http.get("/upload").text
    assert http.get("/sync").status_code == http.post("/sync").status_code == 410


def test_every_route_tells_its_methods_and_refuses_the_rest(http):
    for route in ROUTES:
        path = re.sub(r"\{[^}]*\}", "0", route.pattern)
        options, wrong = http.options(path), http.request("QUERY", path)
        assert (options.status_code, options.headers["Allow"]) == (204, route.allow), path
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, route.allow), path


def test_health(http):
    assert http.get("/healthz").json() == {"status": "alive"}
    assert http.get("/readyz").json()["status"] == "ready"


def test_a_request_id_follows_the_request_into_the_log(http, server):
    answer = http.get("/metadata/nothing", headers={"X-Request-Id": "abc-123-xyz"})
    assert answer.headers["X-Request-Id"] == "abc-123-xyz"
    line = server.await_log(request_id="abc-123-xyz")
    assert (line["status"], line["path"]) == (404, "/metadata/nothing")
    hostile = httpx.get(
        server.url + "/", headers={"X-Request-Id": "a b\tc" * 30}, trust_env=False, verify=AUTHORITIES
    )
    assert "a b" not in hostile.headers["X-Request-Id"]
