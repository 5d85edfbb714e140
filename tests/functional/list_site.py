"""A marketplace to which endorsers upload lists that they signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from tests.functional.access import bearer, found_group, issue_token
from tests.functional.catalogue import upload
from tests.functional.image_lists import (
    AUTHORITY,
    BOB,
    LIST,
    NOW,
    SITE,
    TEXT,
    URL,
    entry,
    made,
    parts_of,
    told,
)
from tests.functional.running import RunningServer, running_server
from tests.unit.trust.authorities import crl_bytes

MEMBER, OUTSIDER, ADMIN = "mary@astro.example", "oscar@x.example", "root"

RECORD = "/api/v1/views/default"

PUT = f"{RECORD}/signed-list"


@dataclass(frozen=True)
class Site:
    """A marketplace, and what its people show."""

    server: RunningServer
    tokens: dict[str, str]
    folder: Path
    settings: dict[str, str]

    def put(self, message: bytes, by: str = ADMIN, path: str = PUT, **headers: str) -> httpx.Response:
        with self.server.client(headers={**TEXT, **headers, **bearer(self.tokens[by])}) as http:
            return http.put(path, content=message)

    def delete(self, by: str = ADMIN) -> httpx.Response:
        with self.server.client(headers=bearer(self.tokens[by])) as http:
            return http.delete(PUT)

    def get(self, path: str, **headers: str) -> httpx.Response:
        with self.server.client(headers=headers) as http:
            return http.get(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    keys, trust = tmp_path_factory.mktemp("keys"), tmp_path_factory.mktemp("trust")
    (keys / "site.pem").write_bytes(SITE.certificate_pem)
    (keys / "site.key").write_bytes(SITE.key_pem())
    (trust / "root.pem").write_bytes(AUTHORITY.certificate_pem)
    (trust / "root.r0").write_bytes(
        crl_bytes(AUTHORITY, this_update=NOW - timedelta(days=1), next_update=NOW + timedelta(days=90))
    )
    settings = {
        "site_url": URL,
        "trust_anchors": str(trust),
        "views_certificate": str(keys / "site.pem"),
        "views_key": str(keys / "site.key"),
    }
    with (
        running_server(tmp_path_factory.mktemp("site"), **settings) as server,
        server.client() as http,
    ):
        found_group(server, "astro", MEMBER)
        tokens = {
            MEMBER: issue_token(server, MEMBER, [Scope.READ, Scope.UPLOAD]),
            OUTSIDER: issue_token(server, OUTSIDER, [Scope.READ, Scope.UPLOAD]),
            ADMIN: issue_token(server, ADMIN, [Scope.ADMIN]),
        }
        for data in (entry("one"), entry("two"), entry("three"), entry("other", BOB)):
            upload(http, data)
        yield Site(server, tokens, tmp_path_factory.mktemp("signing"), settings)


@pytest.fixture
def configured(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings of the server for commands of this process; returns the option that names its data."""
    for name, value in site.settings.items():
        monkeypatch.setenv(f"MARKETPLACE_{name.upper()}", value)
    return ["--data", str(site.server.data)]


@pytest.fixture
def taken(site: Site) -> Iterator[bytes]:
    """A list that was taken, and is gone afterwards."""
    message = made(site.folder, told())
    answer = site.put(message)
    assert answer.status_code == 200, answer.text
    served = site.get(LIST).content
    assert parts_of(served) == parts_of(message)
    yield served
    site.delete()
