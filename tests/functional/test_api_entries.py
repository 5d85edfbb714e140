"""Entries, images, endorsers, tags and changes as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.functional.catalogue import CAROL, SHARED, THEIRS, catalogue_server, upload
from tests.functional.running import RunningServer
from tests.waiting import wait_for
from validators import accept


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with catalogue_server(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def http(site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def path_of(url: str) -> str:
    return url.partition("/api/")[1] + url.partition("/api/")[2]


def pages(http: httpx.Client, url: str) -> Iterator[dict]:
    """Every page from one on; each tells the next one twice, and both say the same."""
    for _ in range(50):
        answer = http.get(url)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert answer.links.get("next", {}).get("url") == body["next"]
        yield body
        if body["next"] is None:
            return
        url = body["next"]
    raise AssertionError("the pages do not end")


def caught_up(http: httpx.Client) -> bool:
    """Whether words find everything that was uploaded."""
    followers = http.get("/readyz").json()["followers"]
    return all(one["behind"] == 0 for one in followers.values())


def first_coordinates(http: httpx.Client, **filters: str) -> str:
    entry = http.get("/api/v1/entries", params={"limit": "1", **filters}).json()["entries"][0]
    return f"{entry['identifier']}/{entry['email']}/{entry['created']}"


def test_the_list_has_valid_current_entries(http):
    body = http.get(f"/api/v1/entries?limit=100&{THEIRS}").json()
    assert body["total"] == len(body["entries"]) == 11
    assert {entry["status"] for entry in body["entries"]} == {"valid"}
    assert body["entries"][0]["title"] == "Image 00, newer"
    assert "Image 00 of debian" not in {entry["title"] for entry in body["entries"]}
    assert body["sort"] == "newest"


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ("status=all", 13),
        ("status=deprecated", 1),
        ("status=expired&status=deprecated", 2),
        ("os=DEBIAN", 5),
        ("os=ubuntu&os=almalinux", 6),
        ("tag=a/b", 1),
        ("tag=LTS", 0),
        ("created-from=2024-06-01", 1),
        ("created-to=2024-05-04", 1),
        ("created-from=2024-05-05&created-to=2024-05-06T12:00:00Z", 2),
        ("location=pdisk", 0),
        ("trust=strong", 11),
    ],
)
def test_filters(http, filters, total):
    assert http.get(f"/api/v1/entries?{filters}&{THEIRS}").json()["total"] == total


def test_several_values_of_a_filter_are_alternatives(http):
    assert http.get("/api/v1/entries?endorser=bob%40example.org").json()["total"] == 1
    assert http.get(f"/api/v1/entries?{THEIRS}").json()["total"] == 11


def test_pages_repeat_and_lose_nothing_while_entries_arrive(http):
    url = f"/api/v1/entries?limit=3&status=all&sort=oldest&{THEIRS}&endorser=carol@example.org"
    seen: list[str] = []
    for n, body in enumerate(pages(http, url)):
        seen += [entry["id"] for entry in body["entries"]]
        if n == 1:
            # Older than everything: it belongs in front of what was shown already.
            before = len(seen)
            upload(http, signed(image(content="between pages"), CAROL, created="2020-01-01T00:00:00Z"))
    assert before == 6
    assert len(seen) == len(set(seen))
    assert len(seen) == http.get(url).json()["total"] - 1


def test_an_entry_has_all_its_terms_and_its_proof(http):
    (line,) = http.get("/api/v1/search?q=blastula").json()["hits"]
    entry = http.get(path_of(line["links"]["self"])).json()
    assert {name: entry[name] for name in line if name in entry} == {
        name: value for name, value in line.items() if name in entry
    }
    assert entry["endorser"]["email"] == "alice@example.org"
    assert entry["endorser"]["subject"].startswith("CN=")
    assert "SHA-1" in {one["algorithm"] for one in entry["checksums"]}
    assert entry["extensions"][0]["name"] == "tool"
    assert entry["extensions"][0]["namespace"] == "http://example.org/bio#"
    assert entry["extensions"][0]["children"][0]["text"] == "blastula"
    assert {
        "name": "os",
        "namespace": "http://mp.stratuslab.eu/slterms#",
        "text": "almalinux",
        "lang": None,
    } in (entry["terms"])
    assert entry["signature"] == {"strength": "strong", "algorithm": "ecdsa-sha256", "digest": "sha256"}
    assert entry["trust"]["self_signed"] and entry["trust"]["email_bound"]
    assert len(entry["certificate"]["sha256"]) == 64
    assert (entry["status"], entry["current"], entry["superseded_by"]) == ("valid", True, None)
    document = http.get(entry["links"]["signed"], headers={"Accept": "application/rdf+xml"})
    assert len(document.content) == entry["document_bytes"]


def test_a_superseded_entry_names_the_current_one(http):
    timeline = next(pages(http, f"/api/v1/images/{image(content=SHARED).about}"))
    old, second, new = timeline["entries"]
    assert [entry["current"] for entry in (old, second, new)] == [False, True, True]
    assert timeline["endorsers"] == 2
    entry = http.get(path_of(old["links"]["self"])).json()
    assert (entry["current"], entry["superseded_by"]) == (False, new["links"]["self"])


def test_the_timeline_comes_in_pages_oldest_first(http):
    url = f"/api/v1/images/{image(content=SHARED).about}?limit=1"
    created = [body["entries"][0]["created"] for body in pages(http, url)]
    assert created == sorted(created) and len(created) == 3


def test_what_never_changes_is_kept_and_what_may_is_asked_for_again(http):
    path = f"/api/v1/entries/{first_coordinates(http)}"
    now, for_ever = http.get(path), http.get(f"{path}/statement")
    assert now.headers["Cache-Control"] == "no-cache"
    assert "immutable" in for_ever.headers["Cache-Control"]
    assert not {"status", "current", "superseded_by", "conflicts", "accepted_at"} & for_ever.json().keys()
    assert for_ever.json().items() <= now.json().items()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/entries",
        "/api/v1/entries/{coordinates}",
        "/api/v1/entries/{coordinates}/statement",
        "/api/v1/entries/{coordinates}/decision",
        "/api/v1/images/{identifier}",
        "/api/v1/endorsers",
        "/api/v1/endorsers/alice@example.org",
        "/api/v1/endorsers/alice%40example.org/tags",
        "/api/v1/tags/alice@example.org/lts",
        "/api/v1/search?q=debian",
        "/api/v1/search.atom",
        "/api/v1/changes",
        "/docs",
    ],
)
def test_every_answer_has_a_tag_a_head_and_an_open_door(http, path):
    path = path.format(coordinates=first_coordinates(http), identifier=image(content=SHARED).about)
    wait_for(lambda: caught_up(http))
    # Packed answers have another length than what the client unpacks.
    plain = {"Accept-Encoding": "identity"}
    full = http.get(path, headers=plain)
    assert full.status_code == 200, full.text
    assert full.headers["ETag"].startswith('"')
    assert full.headers["Access-Control-Allow-Origin"] == "*"
    again = http.get(path, headers={**plain, "If-None-Match": full.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = http.head(path, headers=plain)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(full.content))
    assert http.options(path).headers["Allow"] == "GET, HEAD, OPTIONS"
    wrong = http.delete(path)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_endorsers_and_their_tags(http):
    endorsers = [one for body in pages(http, "/api/v1/endorsers?limit=1") for one in body["endorsers"]]
    assert [one["email"] for one in endorsers][:2] == ["alice@example.org", "bob@example.org"]
    bob = http.get(path_of(endorsers[1]["links"]["self"])).json()
    assert (bob["entries"], bob["first"], bob["latest"]) == (
        1,
        "2024-05-20T00:00:00Z",
        "2024-05-20T00:00:00Z",
    )
    assert bob["names"][0]["entries"] == bob["names_total"] == 1
    tags = [
        one
        for body in pages(http, "/api/v1/endorsers/alice@example.org/tags?limit=1")
        for one in body["tags"]
    ]
    assert [one["tag"] for one in tags] == ["a/b", "lts"]
    tagged = http.get(path_of(tags[0]["links"]["entry"]))
    assert "Image 03" in tagged.json()["title"]
    assert tagged.headers["Content-Location"] == tagged.json()["links"]["self"]
    assert http.get(path_of(bob["links"]["entries"])).json()["total"] == 1


def test_the_log_can_be_followed_without_missing_anything(http):
    rows = [row for body in pages(http, "/api/v1/changes?limit=4") for row in body["changes"]]
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    end = http.get(f"/api/v1/changes?since={len(rows)}").json()
    assert (end["changes"], end["next"], end["next_since"], end["size"]) == ([], None, len(rows), len(rows))
    coordinates = upload(http, signed(image(content="a change"), CAROL, created="2024-01-01T00:00:00Z"))
    (new,) = http.get(f"/api/v1/changes?since={end['next_since']}").json()["changes"]
    assert f"{new['identifier']}/{new['email']}/{new['created']}" == coordinates
    assert new["id"] == http.get(path_of(new["links"]["self"])).json()["id"]


def test_long_texts_are_cut_in_lists_only(http):
    text, tag = "long " * 2000, "t" * 5000
    draft = image(content="long", description=text, tags=(tag, *(f"{tag}{n}" for n in range(30))))
    coordinates = upload(http, signed(draft, CAROL, created="2024-01-02T00:00:00Z"))
    (line,) = http.get("/api/v1/entries?created-from=2024-01-02&created-to=2024-01-02").json()["entries"]
    assert len(line["description"]) == 2000 and line["description"].endswith("…")
    assert len(line["tags"]) == 20
    entry = http.get(f"/api/v1/entries/{coordinates}").json()
    assert (entry["description"], len(entry["tags"])) == (text, 31)
    listed = [
        one["tag"]
        for body in pages(http, "/api/v1/endorsers/carol@example.org/tags?limit=7")
        for one in body["tags"]
    ]
    assert set(entry["tags"]) <= set(listed) and len(listed) == len(set(listed))


def test_the_entry_id_is_the_one_that_acceptance_computes(http):
    data = signed(image(content="the id"), CAROL, created="2024-01-03T00:00:00Z")
    statement = http.get(f"/api/v1/entries/{upload(http, data)}/statement").json()
    accepted = accept(data)
    assert (statement["id"], statement["certificate"]["sha256"]) == (
        accepted.entry_id,
        accepted.signer.fingerprint,
    )


def test_many_images_are_looked_up_at_once(http):
    def lookup(*identifiers):
        return http.post("/api/v1/lookup", json={"identifiers": identifiers})

    shared, other = image(content=SHARED).about, image(content="catalogue 1").about
    found = lookup(shared, other, shared, "A" * 27).json()
    assert found["total"] == len(found["entries"]) == 3
    assert found["left_out"] == []
    assert {(one["identifier"], one["email"]) for one in found["entries"]} == {
        (shared, "alice@example.org"),
        (shared, "bob@example.org"),
        (other, "alice@example.org"),
    }
    # What is withdrawn is there, and says so.
    (withdrawn,) = [one for one in found["entries"] if one["identifier"] == other]
    assert (withdrawn["status"], withdrawn["deprecated"]) == ("deprecated", "has a hole")
    every = http.get("/api/v1/entries?limit=100&status=all").json()["entries"]
    assert lookup(*{one["identifier"] for one in every}).json()["total"] >= len(every)
    assert lookup().json() == {"total": 0, "entries": [], "left_out": []}
    for wrong in (["no identifier"], [7], ["A" * 27] * 1001):
        answer = http.post("/api/v1/lookup", json={"identifiers": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "lookup.identifiers")
    assert http.post("/api/v1/lookup", json={"identifier": []}).json()["code"] == "body.member"
    assert http.get("/api/v1/lookup").status_code == 405


def test_changes_that_are_known_are_not_sent_again(http):
    for path in ("/api/v1/changes", "/api/v1/changes?since=3&limit=2", "/api/v1/changes?since=99999"):
        first = http.get(path)
        known = {"If-None-Match": first.headers["ETag"]}
        again = http.get(path, headers=known)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert http.get(path, headers={"If-None-Match": '"other"'}).content == first.content
    other = http.get("/api/v1/changes?since=1", headers=known)
    assert other.status_code == 200
    before = http.get("/api/v1/changes?limit=1")
    upload(http, signed(image(content="changes go on"), CAROL, created="2024-06-02T00:00:00Z"))
    after = http.get("/api/v1/changes?limit=1", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["size"] == before.json()["size"] + 1


def test_a_log_that_is_not_there_has_no_changes(http):
    for log in ("group:nobody", "group:", "private", "public%20"):
        answer = http.get(f"/api/v1/changes?log={log}")
        assert (answer.status_code, answer.json()["code"]) == (404, "log.unknown")
    assert http.get("/api/v1/changes?log=public").json() == http.get("/api/v1/changes").json()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nothing", 404, "path.unknown"),
        ("/api/v1/entries/x/y/z", 404, "entry.unknown"),
        (f"/api/v1/entries/{'A' * 27}/a@b.c/2024-01-01T00:00:00Z", 404, "entry.unknown"),
        (f"/api/v1/entries/{'A' * 27}/a@b.c/2024-01-01T00:00:00Z/statement", 404, "entry.unknown"),
        (f"/api/v1/images/{'A' * 27}", 404, "image.unknown"),
        ("/api/v1/images/short", 404, "image.unknown"),
        ("/api/v1/endorsers/nobody", 404, "endorser.unknown"),
        ("/api/v1/endorsers/nobody/tags", 404, "endorser.unknown"),
        ("/api/v1/tags/alice@example.org/none", 404, "tag.unknown"),
        ("/api/v1/entries?q=words", 400, "query.unknown-parameter"),
        ("/api/v1/entries?sort=relevance", 400, "search.unknown-sort"),
        ("/api/v1/entries?sort=random", 400, "search.unknown-sort"),
        ("/api/v1/entries?colour=red", 400, "query.unknown-parameter"),
        ("/api/v1/entries?status=old", 400, "search.unknown-value"),
        ("/api/v1/entries?limit=0", 400, "search.limit"),
        ("/api/v1/entries?limit=1&limit=2", 400, "search.parameter-twice"),
        ("/api/v1/entries?cursor=", 400, "query.empty"),
        ("/api/v1/entries?cursor=abc", 400, "search.cursor"),
        ("/api/v1/entries?created-from=yesterday", 400, "search.date"),
        ("/api/v1/endorsers?cursor=abc", 400, "query.cursor"),
        ("/api/v1/endorsers?limit=1&limit=1", 400, "query.twice"),
        ("/api/v1/changes?since=-1", 400, "query.since"),
        ("/api/v1/changes?since=1_0", 400, "query.since"),
        ("/api/v1/changes?limit=1001", 400, "query.limit"),
        ("/api/v1/changes?after=1", 400, "query.unknown-parameter"),
        (f"/api/v1/images/{'A' * 27}?status=all", 400, "query.unknown-parameter"),
    ],
)
def test_errors_are_problems_with_a_code(http, path, status, code):
    answer = http.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["request_id"] == answer.headers["X-Request-Id"]


def test_a_cursor_of_another_list_is_refused(http):
    cursor = http.get("/api/v1/endorsers?limit=1").json()["next"].partition("cursor=")[2]
    answer = http.get(f"/api/v1/endorsers/alice@example.org/tags?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "query.cursor")


def test_an_unknown_parameter_is_told_with_those_that_exist(http):
    problem = http.get("/api/v1/search?colour=red").json()
    assert "'colour'" in problem["detail"]
    assert {"q", "os", "sort", "cursor"} <= set(problem["allowed"])


def test_a_dry_run_takes_no_parameters(http):
    data = signed(image(content="dry"), CAROL, created="2024-01-04T00:00:00Z")
    headers = {"Content-Type": "text/xml"}
    assert http.post("/api/v1/verify", content=data, headers=headers).json()["verdict"] == "accepted"
    answer = http.post("/api/v1/verify?store=no", content=data, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "query.unknown-parameter")
