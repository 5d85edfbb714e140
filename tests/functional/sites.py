"""Marketplaces of their own for tests of replication: data directory, keys, and a server while it runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace.db import Database
from marketplace.federation.keys import SiteKeys, create_keys, load_keys
from marketplace.moments import utc_now
from marketplace.peers.model import FollowedLog
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from tests.databases import upgrade
from tests.functional.running import RunningServer, free_port, start
from tests.launching import COMMAND, run_text
from tests.waiting import HANGING, wait_for
from validators import accept

SETTINGS = {"query_enabled": "false", "search_engine": "off", "log_level": "info"}
WAIT = HANGING


@dataclass
class Site:
    """A marketplace of its own: its data directory, keys, and the server while it runs."""

    data: Path
    keys: SiteKeys
    port: int
    server: RunningServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """The site's name among others."""
        return self.keys.site

    @contextmanager
    def database(self) -> Iterator[Database]:
        opened = Database.open(f"sqlite:///{self.data / 'marketplace.sqlite'}")
        try:
            yield opened
        finally:
            opened.close()

    def start(self, **settings: str) -> None:
        """Start the server; it keeps its port, because peers know its address."""
        chosen = SETTINGS | {"server_port": str(self.port), "site_url": self.url} | settings
        self.server = start(self.data, port=self.port, **chosen)

    def stop(self) -> None:
        if self.server is not None and self.server.process.poll() is None:
            self.server.process.terminate()
            try:
                self.server.process.wait(HANGING)
            except Exception:  # whatever it was, no server may stay
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

    def followed(self, other: Site) -> list[FollowedLog]:
        """How the logs of a peer stand here."""
        with self.database() as database, database.read() as session:
            return FollowedLogs(session).of(Peers(session).get(other.name).id)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the operator here."""
        return run_text([*COMMAND, *arguments, "--data", str(self.data)])

    def pull(self, other: Site) -> None:
        """Pull from a peer by command, now."""
        done = self.command("peer", "pull", other.name, "--now")
        assert done.returncode == 0, done.stdout + done.stderr

    def follow(self, other: Site) -> None:
        with self.database() as database, database.write() as session:
            Peers(session).add(other.url, other.keys.log.verifier, other.keys.auth.verifier, utc_now())


@contextmanager
def sites(directory: Path, count: int, **settings: str) -> Iterator[list[Site]]:
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
            site = Site(data, keys, free_port())
            stack.callback(site.stop)
            site.start(**settings)
            made.append(site)
        yield made


def until(holds: Callable[[], bool], what: str, seconds: float = WAIT) -> None:
    """Wait until something holds."""
    wait_for(holds, seconds, lambda: f"not within {seconds} s: {what}")
