"""Real servers that follow each other: what is uploaded at one is at all, soon, once, and after restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from marketplace.db import Database, upgrade
from marketplace.federation.keys import SiteKeys, create_keys, load_keys
from marketplace.ingest.service import utc_now
from marketplace.peers.registry import Peers
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, start
from validators import accept

SETTINGS = {"query_enabled": "false", "search_engine": "off", "log_level": "info"}
WAIT = 60


@dataclass
class Site:
    """A marketplace of its own: its data directory, keys, and the server while it runs."""

    data: Path
    keys: SiteKeys
    server: RunningServer | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    @contextmanager
    def database(self) -> Iterator[Database]:
        opened = Database.open(f"sqlite:///{self.data / 'marketplace.sqlite'}")
        try:
            yield opened
        finally:
            opened.close()

    def start(self, **settings: str) -> None:
        self.server = start(self.data, **(SETTINGS | settings))

    def stop(self) -> None:
        if self.server is not None and self.server.process.poll() is None:
            self.server.process.terminate()
            try:
                self.server.process.wait(30)
            except Exception:
                self.server.process.kill()
                raise

    def upload(self, data: bytes) -> str:
        """Upload; returns the path behind /metadata/."""
        assert self.server is not None
        with self.server.client() as http:
            answer = http.post("/metadata", content=data, headers={"Content-Type": "text/xml"})
        assert answer.status_code == 201, answer.text
        return accept(data).coordinates.path()

    def has(self, path: str, data: bytes) -> bool:
        assert self.server is not None
        with self.server.client() as http:
            answer = http.get(f"/metadata/{path}", headers={"Accept": "application/rdf+xml"})
        assert answer.status_code in (200, 404)
        return answer.status_code == 200 and answer.content == data

    def follow(self, other: Site) -> None:
        with self.database() as database, database.write() as session:
            Peers(session).add(other.url, other.keys.log.verifier, other.keys.auth.verifier, utc_now())


@contextmanager
def sites(directory: Path, count: int) -> Iterator[list[Site]]:
    """Running sites that do not know each other yet."""
    with ExitStack() as stack:
        made = []
        for n in range(count):
            data = directory / f"site{n}"
            data.mkdir()
            upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
            create_keys(data, f"mp-{'abcdefgh'[n]}.example")
            keys = load_keys(data)
            assert keys is not None
            site = Site(data, keys)
            stack.callback(site.stop)
            site.start()
            made.append(site)
        yield made


def until(holds: Callable[[], bool], what: str, seconds: float = WAIT) -> float:
    """Wait until something holds; returns after how many seconds it did."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def identity() -> object:
    return make_identity()


def test_an_upload_at_one_site_reaches_the_other_also_after_restarts(
    tmp_path: Path, identity: object
) -> None:
    with sites(tmp_path, 2) as (a, b):
        b.follow(a)
        first = signed(image(content="first", title="First"), identity)
        path = a.upload(first)
        until(lambda: b.has(path, first), "the upload is at the other site")
        b.stop()
        second = signed(image(content="second", title="Second"), identity)
        path2 = a.upload(second)
        b.start()
        until(lambda: b.has(path2, second), "what was uploaded meanwhile is there after a restart")
        assert b.has(path, first)
