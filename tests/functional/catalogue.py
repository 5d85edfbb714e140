"""A server with a few images that have everything the API shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.waiting import wait_for

ALICE = make_identity(email="alice@example.org")
BOB = make_identity("Bob Tester", email="bob@example.org", variant=1)
#: Nothing in the catalogue is hers: what tests upload themselves leaves the others' counts alone.
CAROL = make_identity("Carol Tester", email="carol@example.org", variant=2)
THEIRS = "endorser=alice@example.org&endorser=bob@example.org"

SYSTEMS = ("debian", "Ubuntu", "almalinux")
#: An image that both endorse, Alice twice.
SHARED = "catalogue 0"
EXTENSION = (
    '<bio:tool xmlns:bio="http://example.org/bio#" rdf:parseType="Resource">'
    "<dcterms:identifier>blastula</dcterms:identifier></bio:tool>"
)
#: Seconds in which an upload must be found.
FINDABLE = 2.0


def upload(http: httpx.Client, data: bytes) -> str:
    """Upload an entry; returns its coordinates as in URLs."""
    answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].partition("/metadata/")[2]


def fill(http: httpx.Client) -> None:
    """Upload the catalogue: twelve images, of which one is deprecated, one expired, one endorsed by two."""
    for n in range(12):
        fields: dict[str, object] = {
            "content": f"catalogue {n}",
            "title": f"Image {n:02} of {SYSTEMS[n % 3]}",
            "description": f"A server image, number {n}, with <b>markup</b> & more.",
            "os": SYSTEMS[n % 3],
            "os_version": str(n % 2),
            "tags": ("lts", "a/b") if n == 3 else ("lts",),
        }
        if n == 1:
            fields["deprecated"] = "has a hole"
        if n == 2:
            fields["valid"] = "2024-07-01T00:00:00Z"
        if n == 5:
            fields["extra"] = EXTENSION
        upload(http, signed(image(**fields), ALICE, created=f"2024-05-{n + 1:02}T12:00:00Z"))
    upload(http, signed(image(content=SHARED, title="Second opinion"), BOB, created="2024-05-20T00:00:00Z"))
    upload(
        http, signed(image(content=SHARED, title="Image 00, newer"), ALICE, created="2024-06-01T12:00:00Z")
    )


@contextmanager
def catalogue_server(data: Path, **settings: str) -> Iterator[RunningServer]:
    """A server with the catalogue, which is found by words too."""
    with running_server(data, **settings) as running:
        with running.client() as client:
            fill(client)
            wait_for(lambda: found(client, "newer") == 1)
        yield running


def found(http: httpx.Client, words: str) -> int:
    """How many entries hold the words; -1 while words cannot be searched."""
    answer = http.get("/api/v1/search", params={"q": words})
    return answer.json()["total"] if answer.status_code == 200 else -1
