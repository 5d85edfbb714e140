"""Bundles from plain HTTP mirrors: honest, lying, behind and gone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from marketplace.federation.keys import create_keys
from marketplace.ingest import IngestResult, IngestService, UploadPolicy
from marketplace.moments import utc_now
from marketplace.peers.model import Mirror, PullState
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.mirror_list import MirrorList
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.tiles import WIDTH, join_bodies, join_bundle, split_bodies, split_bundle
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import free_port
from tests.functional.serving import folder_at
from tests.functional.sites import Site, sites, until

BUNDLES = 3
ENTRIES = BUNDLES * WIDTH + 5
ROWS, BODIES = "tile/entries", "bodies"


@contextmanager
def mirror(files: Mapping[str, bytes], folder: Path) -> Iterator[str]:
    """A plain HTTP server with some files."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    with folder_at(folder) as url:
        yield url


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with some bundles of entries."""
    identity = make_identity()
    documents = [signed(image(content=f"mirrored {n}", title=f"Entry {n}"), identity) for n in range(ENTRIES)]
    with sites(tmp_path_factory.mktemp("full"), 1) as (site,):
        with site.database() as database, closing(IngestService(database, UploadPolicy())) as ingest:
            assert all(isinstance(one, IngestResult) for one in ingest.import_all(documents))
        assert site.server is not None
        with site.server.client() as http:
            head = "/fed/v1/logs/public/checkpoint"
            until(lambda: http.get(head).text.split("\n")[1:2] == [str(ENTRIES)], "everything is published")
        yield site


@pytest.fixture(scope="module")
def copies(full: Site) -> dict[str, bytes]:
    """What a mirror holds."""
    assert full.server is not None
    with full.server.client(headers={"Accept-Encoding": "identity"}) as http:
        return {
            path: http.get(f"/fed/v1/logs/public/{path}").content
            for path in (f"{kind}/{n:03}" for kind in (ROWS, BODIES) for n in range(BUNDLES))
        }


def logged(site: Site) -> list[dict[str, object]]:
    """The log of a site, with all requests so far: it writes them down a little later, in their order."""
    server, name = site.server, uuid4().hex
    assert server is not None
    with server.client() as http:
        http.get("/healthz", headers={"X-Request-Id": name})
    until(lambda: any(line.get("request_id") == name for line in server.log_lines()), "all is logged")
    return server.log_lines()


def read_whole(tmp_path: Path, full: Site, *urls: str) -> tuple[list[Mirror], list[str]]:
    """Let a new site follow the full one; what came of the mirrors, and what the peer was asked for."""
    before = len(logged(full))
    data = tmp_path / "new"
    data.mkdir()
    upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
    new = Site(data, create_keys(data, "mp-new.example"), free_port())
    with new.database() as database, database.write() as session:
        peer = Peers(session).add(full.url, full.keys.log.verifier, None, utc_now())
        MirrorList(session).set(peer.id, urls)
    new.start()
    try:
        until(lambda: new.followed(full)[0].trusted.proven.size == ENTRIES, "everything is here", 120)
        log = new.followed(full)[0]
        assert (log.state, log.entries) == (PullState.TAILING, ENTRIES)
        with new.database() as database, database.read() as session:
            logs = FollowedLogs(session)
            assert logs.trouble() == {}
            assert logs.evidence(log.peer_id) == []
            found = MirrorList(session).of(log.peer_id)
    finally:
        new.stop()
    asked = [str(line.get("path", "")) for line in logged(full)[before:]]
    return found, [path for path in asked if f"/{ROWS}/" in path or "bodies" in path]


def test_an_honest_mirror_gives_all_bundles(tmp_path: Path, full: Site, copies: dict[str, bytes]) -> None:
    with mirror(copies, tmp_path / "honest") as url:
        (found,), asked = read_whole(tmp_path, full, url)
    assert (found.bundles, found.failures, found.error) == (2 * BUNDLES, 0, None)
    assert asked == ["/fed/v1/bodies"]  # of the rows behind the last bundle


def swapped(path: str, content: bytes) -> bytes:
    return join_bodies(reversed(split_bodies(content, WIDTH))) if path.startswith(BODIES) else content


def altered(path: str, content: bytes) -> bytes:
    return content.replace(b"Entry", b"Other") if path.startswith(BODIES) else content


@pytest.mark.parametrize("lie", [swapped, altered])
def test_a_mirror_with_other_bodies_costs_a_request_to_the_peer(
    tmp_path: Path, full: Site, copies: dict[str, bytes], lie: Callable[[str, bytes], bytes]
) -> None:
    lies = {path: lie(path, content) for path, content in copies.items()}
    with mirror(lies, tmp_path / "liar") as url:
        (found,), asked = read_whole(tmp_path, full, url)
    assert (found.failures, found.error) == (1, "entries of a bundle do not match its rows")
    assert any("/bodies/" in path for path in asked)


def test_behind_mirrors_that_are_gone_late_or_lie_the_next_one_serves(
    tmp_path: Path, full: Site, copies: dict[str, bytes]
) -> None:
    late = {path: content for path, content in copies.items() if path.endswith("000")}
    first = copies[f"{ROWS}/000"]
    lies = {path: first if path.startswith(ROWS) else content for path, content in copies.items()}
    lies[f"{ROWS}/000"] = join_bundle(reversed(split_bundle(first, WIDTH)))
    with ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        served = [
            stack.enter_context(mirror(files, tmp_path / name))
            for name, files in (("late", late), ("liar", lies), ("whole", copies))
        ]
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found, asked = read_whole(tmp_path, full, gone, *served)
    assert [one.failures for one in found] == [1, 1, 1, 0]
    assert sum(one.bundles for one in found) == 2 * BUNDLES
    assert found[2].error == "the rows are not the rows that the peer signed"
    assert asked == ["/fed/v1/bodies"]
