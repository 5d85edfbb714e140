"""Searching over HTTP: words, filters, facets, pages, feeds; and what hostile requests are told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from lxml import etree

from tests.factories.documents import image, signed
from tests.functional.catalogue import CAROL, FINDABLE, THEIRS, catalogue_server, found, upload
from tests.functional.running import RunningServer, running_server
from tests.waiting import wait_for

ATOM = "{http://www.w3.org/2005/Atom}"
#: Seconds in which any request is answered or refused.
PATIENCE = 2.0
#: A busy machine may pause in one of them.
TRIES = 5


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with catalogue_server(tmp_path_factory.mktemp("search")) as running:
        yield running


@pytest.fixture(scope="module")
def http(site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def search(http: httpx.Client, query: str) -> dict:
    answer = http.get(f"/api/v1/search?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_words_and_filters_narrow_together(http):
    assert search(http, f"q=server+image&{THEIRS}")["total"] == 9
    assert search(http, f"q=server+image&os=debian&{THEIRS}")["total"] == 3
    assert search(http, "q=debian+-%22Image+03%22&endorser=alice@example.org")["total"] == 3
    assert search(http, "q=title:newer")["hits"][0]["title"] == "Image 00, newer"


def test_one_architecture_is_one_value_whatever_its_name(http):
    names = ("amd64", "x86_64", "X86-64")
    for number, name in enumerate(names):
        upload(
            http, signed(image(content=f"arch {number}", title=f"Pentathlon {number}", os_arch=name), CAROL)
        )
    wait_for(lambda: found(http, "pentathlon") == len(names))
    for name in names:
        body = search(http, f"q=pentathlon&arch={name}")
        assert body["total"] == search(http, f"q=pentathlon+{name}")["total"] == len(names)
        (facet,) = body["facets"]["arch"]
        assert (facet["value"], facet["count"], facet["chosen"]) == ("x86_64", len(names), True)


def test_pasted_text_is_searched_as_it_looks(http):
    for typed in (
        "server%09image",
        "%EF%BB%BFserver%E2%80%8B+image",
        "server%0D%0Aimage",
        "server%C2%AD+image",
    ):
        assert search(http, f"q={typed}&{THEIRS}")["total"] == 9
        assert http.get(f"/?q={typed}").status_code == 200
        listed = http.get(f"/metadata?media=json&sSearch={typed}&email=alice@example.org")
        assert listed.json()["iTotalDisplayRecords"] > 0, typed
    assert http.get("/api/v1/search?q=server%00image").status_code == 400


def test_the_operators_of_other_searches_get_a_hint(http):
    assert "NOT is a word" in search(http, "q=server+NOT+image")["hint"]
    assert "NOT is a word" in http.get("/?q=server+NOT+image").text
    assert search(http, "q=server+image")["hint"] is None


def test_facets_count_what_choosing_a_value_would_list(http):
    body = search(http, f"q=server&os=debian&{THEIRS}")
    systems = {one["value"]: one for one in body["facets"]["os"]}
    assert systems["debian"]["chosen"] and not systems["ubuntu"]["chosen"]
    assert systems["ubuntu"]["label"] == "Ubuntu"
    for value, facet in systems.items():
        assert search(http, f"q=server&os={value}&{THEIRS}")["total"] == facet["count"]
    both = [one["count"] for one in body["facets"]["status"]]
    assert sum(both) == search(http, f"q=server&os=debian&status=all&{THEIRS}")["total"]


def test_what_matched_is_shown_in_pieces_without_markup(http):
    (hit,) = search(http, "q=%22number+7%22")["hits"]
    parts = hit["highlight"]["excerpt"]["parts"]
    assert "".join(part["text"] for part in parts) == hit["description"]
    assert [part["text"] for part in parts if part["match"]] == ["number 7"]
    assert "<b>markup</b>" in hit["description"]


def test_a_slip_of_the_keyboard_gets_a_suggestion_that_finds_something(http):
    body = search(http, "q=debain")
    assert (body["total"], body["suggestion"]["q"]) == (0, "debian")
    assert http.get(body["suggestion"]["url"]).json()["total"] > 0


def test_pages_of_hits_go_on_where_the_last_one_ended(http):
    url: str | None = f"/api/v1/search?q=image&limit=2&{THEIRS}"
    seen: list[str] = []
    while url:
        answer = http.get(url)
        body = answer.json()
        assert answer.links.get("next", {}).get("url") == body["next"]
        seen += [hit["id"] for hit in body["hits"]]
        url = body["next"]
    assert len(seen) == len(set(seen)) == search(http, f"q=image&{THEIRS}")["total"]


def test_an_upload_is_found_within_two_seconds(http):
    def takes(name: str) -> float:
        upload(http, signed(image(content=name, title=name), CAROL, created="2024-02-01T00:00:00Z"))
        started = time.monotonic()
        wait_for(lambda: found(http, name) == 1)
        return time.monotonic() - started

    assert any(takes(f"quokka{n}") < FINDABLE for n in range(TRIES))


def test_a_feed_is_atom_with_stable_names(http, site):
    url = f"/api/v1/search.atom?q=image&limit=3&{THEIRS}"
    answer = http.get(url)
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    feed = etree.fromstring(answer.content)
    assert feed.tag == f"{ATOM}feed"
    for name in ("id", "title", "updated"):
        assert len(feed.findall(f"{ATOM}{name}")) == 1
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links["self"].startswith(f"{site.url}/api/v1/search.atom?q=image&limit=3")
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 3
    times = [entry.findtext(f"{ATOM}updated") for entry in entries]
    assert times == sorted(times, reverse=True) and feed.findtext(f"{ATOM}updated") == times[0]
    for entry in entries:
        assert re.fullmatch(
            r"http://mp\.stratuslab\.eu/#[A-Za-z0-9_-]{27}/(alice|bob)@example\.org/\S{20}",
            entry.findtext(f"{ATOM}id"),
        )
        assert entry.findtext(f"{ATOM}author/{ATOM}email") in ("alice@example.org", "bob@example.org")
        assert entry.findtext(f"{ATOM}title") and entry.findtext(f"{ATOM}summary")
        page = entry.find(f"{ATOM}link[@rel='alternate'][@type='text/html']").get("href")
        assert http.get(page, headers={"Accept": "text/html"}).status_code == 200
    rest = etree.fromstring(http.get(links["next"]).content)
    assert rest.findtext(f"{ATOM}id") == feed.findtext(f"{ATOM}id")
    assert http.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_feed_of_nothing_is_a_feed(http):
    feed = etree.fromstring(http.get("/api/v1/search.atom", params={"q": "nothing\ufffe<&"}).content)
    assert feed.findall(f"{ATOM}entry") == []
    assert feed.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"


def test_lists_work_where_words_cannot_be_searched(tmp_path):
    with running_server(tmp_path, search_engine="off") as running, running.client() as client:
        upload(client, signed(image(), CAROL, created="2024-02-01T00:00:00Z"))
        assert client.get("/api/v1/search").json()["total"] == 1
        answer = client.get("/api/v1/search?q=debian")
        assert (answer.status_code, answer.json()["code"]) == (503, "search.unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/api/v1/search?q=*").json()["code"] == "search.no-words"


LONG = "x" * 10_000
HOSTILE = {
    "no value of a number": "limit=1e3",
    "a negative number": "limit=-1",
    "digits of another script": "limit=%D9%A3",
    "a huge number": "limit=" + "9" * 4000,
    "an absurd place": "cursor=" + "A" * 900,
    "a long cursor": f"cursor={LONG}",
    "bad UTF-8": "q=%ff%fe",
    "half a pair": "q=%ed%a0%80",
    "NUL": "os=a%00b",
    "a line break": "tag=a%0d%0aSet-Cookie:%20x",
    "a long value": f"os={LONG}",
    "a long name": f"{LONG}=1",
    "no name": "=1",
    "many fields": "&".join(f"os={n}" for n in range(1000)),
    "many values": "&".join(f"os={n}" for n in range(150)),
    "everything": "q=*",
    "many stars": "q=a*b*c*",
    "a short beginning": "q=a*",
    "a beginning of everything": "q=" + "+".join(f"{a}{b}{c}*" for a in "abc" for b in "abc" for c in "ab"),
    "ten thousand terms": "q=" + "+".join(["term"] * 3000),
    "parentheses": "q=" + "(" * 499 + "a",
    "a range": "q=%5B0+TO+99999999%5D",
    "fuzziness": "q=debian~9",
    "a pattern": "q=/.*/",
    "direction marks": "q=%E2%80%AEnaibed",
    "control characters": "q=%07",
    "SQL": "q=%27;drop%20table%20entry;--",
    "a year too early": "created-from=0000-01-01",
    "a day that is none": "created-to=2024-02-30",
    "the end of time": "created-to=9999-12-31",
    "no sort": "sort=created;desc",
}
SEARCHES = ("/api/v1/search", "/api/v1/search.atom", "/api/v1/entries")


def in_time(http: httpx.Client, url: str) -> httpx.Response:
    """The answer to a request, which must have come in time."""
    for _ in range(TRIES):
        started = time.monotonic()
        answer = http.get(url)
        if time.monotonic() - started < PATIENCE:
            return answer
    raise AssertionError(f"not once within {PATIENCE} s: {url[:100]}")


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_searches_are_answered_or_refused_in_time(http, path, name):
    answer = in_time(http, f"{path}?{HOSTILE[name]}")
    assert answer.status_code in (200, 400, 431), answer.text
    if answer.status_code == 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"]
        assert len(answer.content) < 2000


PATHS = (
    "/api/v1/entries/{0}/{0}/{0}",
    "/api/v1/entries/{0}/{0}/{0}/statement",
    "/api/v1/entries/{0}/{0}/{0}/decision",
    "/api/v1/images/{0}",
    "/api/v1/endorsers/{0}",
    "/api/v1/endorsers/{0}/tags",
    "/api/v1/tags/{0}/{0}",
    "/api/v1/changes?since={0}",
    "/api/v1/changes?limit={0}",
    "/api/v1/endorsers?cursor={0}",
    "/api/v1/endorsers?limit={0}",
    "/openapi.json?{0}",
    "/api/v1/{0}",
)
PARTS = {
    "long": "x" * 3000,
    "NUL": "%00",
    "bad UTF-8": "%ff",
    "dots": "..%2f..%2fetc%2fpasswd",
    "a pattern": "%25_%2A",
    "markup": "%3Cscript%3E",
    "line break": "a%0d%0ab",
    "emoji": quote("\U0001f600"),
    "separators": "%1f",
    "a number": "9" * 30,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PARTS)
def test_hostile_parts_are_refused_in_time(http, path, name):
    answer = in_time(http, path.format(PARTS[name]))
    assert answer.status_code in (400, 404), answer.text
    if path.startswith("/api/"):
        assert answer.headers["Content-Type"] == "application/problem+json"
