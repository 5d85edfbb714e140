"""Sites in network namespaces of their own, joined by a bridge whose cables can be pulled. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.federation.joining import joining
from tests.federation.sites import Site, make_site
from tests.functional.running import RunningServer, await_ready
from tests.launching import COMMAND, launch

PORT = 6543


def reason_against() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "needs root and iproute2 for network namespaces"
    name = f"mp{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode != 0:
        return f"this machine makes no network namespaces: {made.stderr.decode().strip()}"
    _ip("netns", "del", name)
    return None


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class PlacedSite(Site):
    """A site in a namespace: the others reach it over the bridge, the test over a cable that is never cut."""

    number: int = 0
    network: str = ""

    @property
    def namespace(self) -> str:
        return f"{self.network}{self.number}"

    @property
    def cable(self) -> str:
        """The test's end of its own cable; the kernel takes 15 characters."""
        return f"{self.network}m{self.number}"[-15:]

    @property
    def url(self) -> str:
        return f"http://10.77.{self.number}.2:{PORT}"

    @property
    def peer_url(self) -> str:
        """Where the other sites find it."""
        return f"http://10.78.0.{self.number}:{PORT}"

    def start(self) -> None:
        given = {
            "data": str(self.data),
            "server_host": "0.0.0.0",
            "server_port": str(PORT),
            "site_url": self.peer_url,
            **self.settings,
        }
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
        environ |= {f"MARKETPLACE_{name.upper()}": value for name, value in given.items()}
        log = self.data / "server.log"
        with log.open("ab") as sink:
            process = launch([*joining(COMMAND, self.namespace), "serve"], environ, stdout=sink, stderr=sink)
        self.server = RunningServer(process, PORT, self.data, log)
        await_ready(self.server, self.url)

    def cut(self) -> None:
        """Pull the cable to the bridge."""
        self._hub("link", "set", f"p{self.number}", "down")

    def mend(self) -> None:
        """Put it back."""
        self._hub("link", "set", f"p{self.number}", "up")

    def move(self, bridge: str) -> None:
        """Plug the cable into another bridge: ``one`` or ``two``."""
        self._hub("link", "set", f"p{self.number}", "master", bridge)

    def silence(self, other: PlacedSite) -> None:
        """Lose everything that goes from here to another site."""
        _ip("-n", self.namespace, "route", "add", "blackhole", f"10.78.0.{other.number}/32")

    def speak(self, other: PlacedSite) -> None:
        """Lose it no more."""
        _ip("-n", self.namespace, "route", "del", "blackhole", f"10.78.0.{other.number}/32")

    def _hub(self, *arguments: str) -> None:
        _ip("-n", f"{self.network}hub", *arguments)


@contextmanager
def placed_sites(folder: Path, names: str) -> Iterator[list[PlacedSite]]:
    """Sites that all follow each other over a bridge; nothing of it is left behind the block."""
    network = f"mp{os.getpid()}n"
    made = []
    for number, name in enumerate(names, start=1):
        plain = make_site(folder, name)
        made.append(
            PlacedSite(
                plain.name, plain.data, plain.keys, PORT, plain.settings, number=number, network=network
            )
        )
    try:
        _lay_cables(network, made)
        for site in made:
            for other in made:
                if other is not site:
                    site.follow(other.peer_url, other.keys.log.verifier, other.keys.auth.verifier)
        for site in made:
            site.start()
        yield made
    finally:
        for site in made:
            site.end()
        # Cables would go with their namespaces, but those last as long as any socket in them.
        for site in made:
            subprocess.run(["ip", "link", "del", site.cable], capture_output=True, check=False)
        for namespace in [*(site.namespace for site in made), f"{network}hub"]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def _lay_cables(network: str, made: list[PlacedSite]) -> None:
    hub = f"{network}hub"
    _ip("netns", "add", hub)
    for bridge in ("one", "two"):
        _ip("-n", hub, "link", "add", bridge, "type", "bridge")
        _ip("-n", hub, "link", "set", bridge, "up")
    for site in made:
        number, inside = site.number, site.namespace
        _ip("netns", "add", inside)
        _ip("-n", inside, "link", "set", "lo", "up")
        _ip("-n", hub, "link", "add", f"p{number}", "type", "veth", "peer", "name", "peers", "netns", inside)
        _ip("-n", hub, "link", "set", f"p{number}", "master", "one", "up")
        _ip("-n", inside, "addr", "add", f"10.78.0.{number}/24", "dev", "peers")
        _ip("-n", inside, "link", "set", "peers", "up")
        outside = site.cable
        _ip("link", "add", outside, "type", "veth", "peer", "name", "test", "netns", inside)
        _ip("addr", "add", f"10.77.{number}.1/30", "dev", outside)
        _ip("link", "set", outside, "up")
        _ip("-n", inside, "addr", "add", f"10.77.{number}.2/30", "dev", "test")
        _ip("-n", inside, "link", "set", "test", "up")
