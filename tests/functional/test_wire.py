"""How answers travel: parts of them, their dates, their codings, and what stands at fixed paths."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import zstandard

from tests.factories.documents import image, signed
from tests.functional.access import bearer, issue_token
from tests.functional.running import RunningServer, running_server
from validators import accept

DATA = signed(image(content="wire", description="words " * 400), created="2024-05-01T12:00:00Z")
PATH = f"/metadata/{accept(DATA).coordinates.path()}"
SAID = "Wed, 01 May 2024 12:00:00 GMT"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("wire")
    with running_server(directory, site_security_contact="security@example.org") as running:
        with running.client() as client:
            sent = client.post("/metadata", content=DATA, headers={"Content-Type": "text/xml"})
            assert sent.status_code == 201
        yield running


def get(server: RunningServer, path: str = PATH, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer as it comes over the wire, to a client that asks for no coding unless told to."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with server.client() as client:
        request = client.build_request(method, path, headers={"Accept-Encoding": "identity"} | given)
        answer = client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
        answer.close()
    answer._content = raw
    return answer


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        ("bytes=0-999999999999999999", 0, len(DATA)),
        ("bytes=-999999", 0, len(DATA)),
    ],
    # How long the document is differs from run to run.
    ids=["first ten", "from ten on", "last seven", "up to far behind", "more than all"],
)
def test_a_part_of_an_entry(server, asked: str, start: int, stop: int, again: bool) -> None:
    answer = get(server, Range=asked)
    assert (answer.status_code, answer.content) == (206, DATA[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["ETag"] == get(server).headers["ETag"]


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=-0"], ids=["behind the end", "none"])
def test_a_part_that_is_not_there(server, asked: str) -> None:
    answer = get(server, Range=asked)
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,3-4", "bytes=5-2", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-" + "9" * 30, "bytes=-1-2"],
)
def test_what_is_no_range_of_ours_is_not_looked_at(server, asked: str) -> None:
    answer = get(server, Range=asked)
    assert (answer.status_code, answer.content) == (200, DATA)


def test_a_part_only_of_what_the_client_has(server) -> None:
    etag = get(server).headers["ETag"]
    assert get(server, Range="bytes=0-1", If_Range=etag).status_code == 206
    assert get(server, Range="bytes=0-1", If_Range=SAID).status_code == 206
    for other in ('"other"', f"W/{etag}", "Wed, 01 May 2024 12:00:01 GMT"):
        assert get(server, Range="bytes=0-1", If_Range=other).status_code == 200
    assert get(server, method="HEAD", Range="bytes=0-1").status_code == 200


def test_the_date_of_an_entry(server) -> None:
    answer = get(server)
    assert (answer.headers["Last-Modified"], answer.headers["Accept-Ranges"]) == (SAID, "bytes")
    assert get(server, If_Modified_Since=SAID).status_code == 304
    assert get(server, If_Modified_Since="Tue, 30 Apr 2024 12:00:00 GMT").status_code == 200
    assert get(server, If_Modified_Since="yesterday").status_code == 200
    # The entity tag says more than a date.
    assert get(server, If_Modified_Since=SAID, If_None_Match='"other"').status_code == 200


def test_no_entry_is_of_tomorrow(server) -> None:
    created = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=200)
    data = signed(image(content="ahead"), created=f"{created:%Y-%m-%dT%H:%M:%SZ}")
    with server.client() as client:
        sent = client.post("/metadata", content=data, headers={"Content-Type": "text/xml"})
        assert sent.status_code == 201
    answer = get(server, f"/metadata/{accept(data).coordinates.path()}")
    assert "Last-Modified" not in answer.headers


TEXTS = ("/metadata?status=all", "/metadata?status=all&media=json", "/", "/openapi.json")


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize(
    ("asked", "coding"),
    [("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("zstd;q=0, gzip", "gzip"), ("br", None)],
)
def test_texts_are_smaller_where_that_is_asked_for(server, path: str, asked: str, coding: str | None) -> None:
    whole, packed = get(server, path), get(server, path, Accept_Encoding=asked)
    assert packed.headers.get("Content-Encoding") == coding
    assert "Accept-Encoding" in packed.headers.get("Vary", "")
    if coding is None:
        return
    assert len(packed.content) < len(whole.content)
    unpacked = (
        gzip.decompress(packed.content)
        if coding == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(packed.content)
    )
    assert unpacked == whole.content
    if "ETag" in whole.headers:
        # Other bytes have another tag, and both are known again.
        etag, coded = whole.headers["ETag"], packed.headers["ETag"]
        assert coded == f'{etag[:-1]}-{coding}"'
        for tag in (etag, coded, f'"other", {coded}'):
            known = get(server, path, Accept_Encoding=asked, If_None_Match=tag)
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["ETag"] in tag


def test_an_entry_is_sent_as_it_is(server) -> None:
    for headers, data in (({}, DATA), ({"Range": "bytes=0-9"}, DATA[:10])):
        answer = get(server, Accept_Encoding="gzip, zstd", **headers)
        assert answer.content == data and "Content-Encoding" not in answer.headers
        assert answer.headers["ETag"] == get(server).headers["ETag"]


def test_what_is_small_or_may_hold_a_secret_is_sent_as_it_is(server) -> None:
    secret = issue_token(server)
    assert "Content-Encoding" not in get(server, "/healthz", Accept_Encoding="gzip").headers
    # The form's key, and what somebody gets to see who is known.
    login = get(server, "/login", Accept_Encoding="gzip", Accept="text/html")
    assert "Set-Cookie" in login.headers and "Content-Encoding" not in login.headers
    for path in ("/account", "/", PATH):
        for shown in (bearer(secret), {"Cookie": "session=anything"}):
            answer = get(server, path, Accept_Encoding="gzip, zstd", Accept="text/html, */*", **shown)
            assert "Content-Encoding" not in answer.headers, path


def test_what_programs_look_for_at_fixed_paths(server) -> None:
    robots = get(server, "/robots.txt")
    assert robots.headers["Content-Type"].startswith("text/plain")
    assert robots.text.startswith("User-agent: *\n") and "Disallow: /action/\n" in robots.text
    icon = get(server, "/favicon.ico")
    assert icon.headers["Content-Type"].startswith("image/svg+xml") and b"<svg" in icon.content
    told = dict(line.split(": ", 1) for line in get(server, "/.well-known/security.txt").text.splitlines())
    assert told["Contact"] == "mailto:security@example.org"
    assert told["Canonical"] == f"{server.url}/.well-known/security.txt"
    ahead = datetime.fromisoformat(told["Expires"]) - datetime.now(UTC)
    assert timedelta(days=100) < ahead < timedelta(days=365)
    assert re.fullmatch(r"\d{4}-\d\d-01T00:00:00Z", told["Expires"])


def test_a_private_site_keeps_robots_out_and_names_nobody(tmp_path) -> None:
    with running_server(tmp_path, site_mode="private") as private:
        assert get(private, "/robots.txt").text == "User-agent: *\nDisallow: /\n"
        assert get(private, "/.well-known/security.txt").status_code == 404
