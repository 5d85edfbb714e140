"""A site for tests: its configuration, and its commands as a user gives them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from marketplace.sites.configuration import SiteConfiguration, read_configuration
from marketplace.sites.runs import Done, sync
from marketplace.sites.site import Site
from marketplace.sites.state import Copy, State
from tests.factories.documents import ImageDraft, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer
from tests.launching import COMMAND, run_text

ALICE = make_identity(email="alice@images.example.org")
MALLORY = make_identity("Mallory", email="mallory@example.net", variant=3)


@dataclass
class Cloud:
    """A site in a folder of its own."""

    folder: Path
    server: RunningServer
    text: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "site.toml"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def work(self) -> Path:
        return self.images / ".marketplace"

    def configure(
        self,
        text: str = "",
        *,
        subscription: str = 'tag = "alice@images.example.org/stable"',
        store: str = 'type = "directory"',
        head: str = "",
        marketplace: str = "",
    ) -> None:
        """Write site.toml: one marketplace, one store, one subscription, and ``text`` behind them."""
        (self.folder / "alice.pem").write_bytes(ALICE.certificate_pem)
        self.file.write_text(
            f'''name = "lab"
state = "state"
run = "run"
{head}
[[marketplace]]
url = "{self.server.url}"
poll = 0.1
{marketplace}
[trust]
anchors = ["alice.pem"]
[fetch]
allow_private = ["127.0.0.0/8"]
idle = 1
[[store]]
name = "pool"
path = "images"
{store}
[[subscription]]
name = "debian"
stores = ["pool"]
{subscription}
{text}
'''
        )

    def read(self) -> SiteConfiguration:
        return read_configuration(self.file, self.environment)

    @contextmanager
    def site(self, **options: object) -> Iterator[Site]:
        """The site in this process."""
        configuration = self.read()
        state = State(configuration.table.state)
        site = Site(configuration, state, **options)
        try:
            yield site
        finally:
            site.close()
            state.close()

    def sync(self, **options: object) -> Done:
        """One run in this process."""
        with self.site(**options) as site:
            return sync(site)

    def copies(self) -> list[Copy]:
        state = State(self.folder / "state")
        try:
            return state.copies.all()
        finally:
            state.close()

    def copy(self) -> Copy:
        """The only copy."""
        (found,) = self.copies()
        return found

    def visible(self) -> set[str]:
        """What users see in the folder."""
        return (
            {one.name for one in self.images.iterdir() if one.name != ".marketplace"}
            if self.images.exists()
            else set()
        )

    def remains(self) -> set[str]:
        """What lies in the folder of parts."""
        folder = self.work / "parts"
        return {one.name for one in folder.iterdir()} if folder.exists() else set()

    def say(
        self, draft: ImageDraft, identity: Identity = ALICE, created: str = "2024-05-01T12:00:00Z"
    ) -> str:
        """Upload a signed entry; returns its coordinates."""
        with self.server.client() as http:
            return upload(http, signed(draft, identity, created=created))

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of the site in a process of its own."""
        return run_text(self.words(*words), self.environ(**environment))

    def words(self, *words: str) -> list[str]:
        head, *rest = words
        return [*COMMAND, "site", head, *rest, "--config", str(self.file)]

    def environ(self, **environment: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
        return kept | environment | self.environment


def http_of(server: RunningServer) -> httpx.Client:
    return server.client()
