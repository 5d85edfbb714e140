"""An image is found by any of its checksums, wherever one can look for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import httpx
import pytest

from marketplace.search.parameters import CHECKSUM_FORMS
from tests.factories.documents import image, signed
from tests.functional.catalogue import ALICE, BOB, found, upload
from tests.functional.running import RunningServer, running_server
from tests.launching import COMMAND, run_text
from tests.waiting import wait_for
from validators import accept

CONTENT = "an image with checksums"
DIGESTS = {
    "MD5": hashlib.md5(CONTENT.encode(), usedforsecurity=False).hexdigest(),
    "SHA-256": hashlib.sha256(CONTENT.encode()).hexdigest(),
    "SHA-384": hashlib.sha384(CONTENT.encode()).hexdigest(),
    "SHA-512": hashlib.sha512(CONTENT.encode()).hexdigest(),
}
DOCUMENT = signed(
    image(content=CONTENT, title="Wanted", checksums=tuple((k, v.upper()) for k, v in DIGESTS.items())), ALICE
)
IDENTIFIER = accept(DOCUMENT).identifier
SHA1 = next(one.value for one in accept(DOCUMENT).metadata.checksums if one.algorithm == "SHA-1")
COMMIT = "c0ffee" * 6 + "c0ff"

#: Every way to write one of them.
WAYS = [
    *DIGESTS.values(),
    *(value.upper() for value in DIGESTS.values()),
    SHA1,
    SHA1.upper(),
    IDENTIFIER,
    f"sha256:{DIGESTS['SHA-256']}",
    f"SHA-512={DIGESTS['SHA-512'].upper()}",
    f"md5:{DIGESTS['MD5']}",
    f"sha1:{SHA1}",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("checksums")) as running:
        with running.client() as client:
            upload(client, DOCUMENT)
            upload(client, signed(image(content="other", title="Other", checksums=(("MD5", "0" * 32),)), BOB))
            upload(client, signed(image(content="made", title="Made", description=f"from {COMMIT}"), BOB))
            wait_for(lambda: found(client, "made") == 1)
        yield running


@pytest.fixture(scope="module")
def http(site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def titles(answer: httpx.Response, member: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()[member]]


@pytest.mark.parametrize("typed", WAYS)
def test_each_surface_finds_an_image_by_a_checksum(http, typed):
    asked = {"checksum": typed}
    assert titles(http.get("/api/v1/search", params=asked), "hits") == ["Wanted"]
    assert titles(http.get("/api/v1/entries", params=asked), "entries") == ["Wanted"]
    assert titles(http.get("/api/v1/search", params={"q": typed}), "hits") == ["Wanted"]
    rows = http.get("/metadata", params=asked | {"media": "json"}).json()["aaData"]
    assert [row[10] for row in rows] == ["Wanted"]
    assert b"Wanted" in http.get("/api/v1/search.atom", params=asked).content
    for page in (http.get("/", params=asked), http.get("/", params={"q": typed})):
        text = page.text
        assert page.status_code == 200
        assert "Wanted" in text and "Other" not in text


def test_a_checksum_narrows_together_with_words_and_filters(http):
    value = DIGESTS["SHA-256"]
    assert titles(http.get("/api/v1/search", params={"q": f"wanted {value}"}), "hits") == ["Wanted"]
    assert titles(http.get("/api/v1/search", params={"q": f"{value} nothing"}), "hits") == []
    assert titles(http.get("/api/v1/search", params={"q": "wanted", "checksum": value}), "hits") == ["Wanted"]
    assert titles(http.get("/api/v1/search", params={"checksum": value, "os": "plan9"}), "hits") == []
    assert titles(http.get("/api/v1/search", params={"checksum": "1" * 32}), "hits") == []


def test_digits_that_are_no_checksum_here_are_words(http):
    assert titles(http.get("/api/v1/search", params={"q": COMMIT}), "hits") == ["Made"]


@pytest.mark.parametrize("typed", [WAYS[0], WAYS[1], SHA1, IDENTIFIER, f"sha-256:{DIGESTS['SHA-256']}"])
def test_the_command_finds_it_too(site, typed):
    for command in (["list"], ["search"], ["search", "wanted"]):
        command = [*COMMAND, *command, "--endpoint", site.url, "--checksum", typed, "-o", "id"]
        done = run_text(command, os.environ | {"NO_PROXY": "127.0.0.1"})
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [accept(DOCUMENT).coordinates.path()]


@pytest.mark.parametrize("typed", ["abc", "0" * 33, "sha256:" + "0" * 40, "g" * 64])
def test_what_is_no_checksum_is_refused_with_what_is(http, typed):
    for path in ("/api/v1/search", "/api/v1/entries"):
        problem = http.get(path, params={"checksum": typed}).json()
        assert (problem["status"], problem["code"]) == (400, "search.checksum")
        assert CHECKSUM_FORMS in problem["detail"]
    answer = http.get("/metadata", params={"checksum": typed, "media": "json"})
    assert answer.status_code == 400
    assert CHECKSUM_FORMS in answer.text
    assert http.get("/", params={"checksum": typed}).status_code == 400
