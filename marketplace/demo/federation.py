"""Three marketplaces that follow each other, in one terminal: ``make demo-federation``.

Everything goes through the commands and pages that operators use; the data lies in
a temporary directory and is gone at the end.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from marketplace.demo.catalogue import CATALOGUE
from marketplace.demo.drafts import draft
from marketplace.demo.endorsers import ENDORSERS, make_identities
from validators import accept
from validators.signing import sign

#: The first ports of three in a row that are looked at, so that addresses stay the same where they can.
FIRST, LAST = 6551, 6650
#: Seconds to wait for anything, on a machine that is busy.
_PATIENCE = 120.0
#: The demo shows entries; nothing asks for the images.
_NOWHERE = "http://images.example.org"
_COMMAND = (sys.executable, "-c", "from marketplace.cli import main; main()")


@dataclass
class DemoSite:
    """A marketplace of the demo."""

    name: str
    port: int
    data: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> str:
        """Run a command of its operator; what it writes."""
        done = subprocess.run(  # noqa: S603  # our own command
            [*_COMMAND, *arguments, "--data", str(self.data)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"marketplace {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self) -> None:
        """Start its server and wait until it answers."""
        settings = {"DATA": str(self.data), "SERVER_PORT": str(self.port), "LOG_LEVEL": "error"}
        environ = {key: value for key, value in os.environ.items() if not key.startswith("MARKETPLACE_")}
        environ |= {f"MARKETPLACE_{key}": value for key, value in settings.items()}
        self.process = subprocess.Popen([*_COMMAND, "serve"], env=environ)  # noqa: S603  # our own command
        until(lambda: self._answers("/readyz"))

    def stop(self) -> None:
        """Stop the site's server cleanly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def has(self, path: str) -> bool:
        """Whether an entry is there."""
        return self._answers(f"/metadata/{path}")

    def upload(self, document: bytes) -> str:
        """Upload an entry; its path behind ``/metadata/``."""
        kind = {"Content-Type": "application/rdf+xml"}
        answer = httpx.post(
            f"{self.url}/metadata", content=document, headers=kind, trust_env=False, timeout=60
        )
        answer.raise_for_status()
        return accept(document).coordinates.path()

    def _answers(self, path: str) -> bool:
        try:
            answer = httpx.get(f"{self.url}{path}", headers={"Accept": "*/*"}, trust_env=False, timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == 200


def until(condition: Callable[[], bool]) -> float:
    """Wait for something; how many seconds it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > _PATIENCE:
            raise SystemExit("this machine is too busy for the demo: nothing happened for two minutes")
        time.sleep(0.01)  # what is shown is measured in steps of this
    return time.monotonic() - began


def free_ports() -> tuple[int, int, int]:
    """Three ports in a row on which nobody listens.

    Raises:
        SystemExit: there are none.
    """
    for first in range(FIRST, LAST, 3):
        if all(map(_is_free, range(first, first + 3))):
            return first, first + 1, first + 2
    raise SystemExit(f"no three free ports in a row between {FIRST} and {LAST}: stop another demo first")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def three_sites(directory: Path) -> Iterator[list[DemoSite]]:
    """Three running marketplaces that follow each other."""
    with ExitStack() as stack:
        made = [
            DemoSite(f"mp-{letter}.example", port, directory / letter)
            for letter, port in zip("abc", free_ports(), strict=True)
        ]
        keys: dict[str, dict[str, str]] = {}
        click.echo(f"their names: {', '.join(f'{site.name} at {site.url}' for site in made)}")
        for site in made:
            click.echo(f"{site.name}: makes its database and its keys ...")
            site.data.mkdir()
            site.run("db", "upgrade")
            written = site.run("peer", "init", "--origin", site.name)
            keys[site.name] = dict(line.split(None, 1) for line in written.splitlines() if " " in line)
        click.echo("each learns the keys of the others ...")
        for site, other in itertools.permutations(made, 2):
            log, auth = keys[other.name]["log"].strip(), keys[other.name]["auth"].strip()
            site.run("peer", "add", other.url, "--key", log, "--auth-key", auth)
        for site in made:
            click.echo(f"{site.name}: starts ...")
            stack.callback(site.stop)
            site.start()
        yield made


def documents() -> Iterator[bytes]:
    """Signed entries, each for another image, as many as wanted."""
    now = datetime.now(UTC)
    _, identities = make_identities(now)
    addresses = {endorser.handle: endorser.email for endorser in ENDORSERS}
    usable = [one for one in CATALOGUE if one.deprecated is None and (one.valid is None or one.valid > 0)]
    for number, entry in enumerate(itertools.cycle(usable)):
        made = draft(replace(entry, name=f"{entry.name}-{number}", age=0), now, _NOWHERE)
        yield sign(made, identities[entry.endorser], now, email=addresses[entry.endorser])


def show(sites: list[DemoSite], made: Iterator[bytes]) -> None:
    """Upload at each site and tell when the others have it; stop one and start it again."""
    for site in sites:
        path = site.upload(next(made))
        began = time.monotonic()
        lags = []
        for other in sites:
            if other is not site:
                until(lambda there=other, path=path: there.has(path))  # type: ignore[misc]  # bound now
                lags.append(f"{other.name} after {1000 * (time.monotonic() - began):.0f} ms")
        click.echo(f"uploaded at {site.name}; it was at {', at '.join(lags)}")
    first, second, third = sites
    click.echo(f"{second.name} is stopped; meanwhile three entries are uploaded at {first.name}")
    second.stop()
    paths = [first.upload(next(made)) for _ in range(3)]
    until(lambda: all(map(third.has, paths)))
    click.echo(f"{third.name} has them")
    second.start()
    took = until(lambda: all(map(second.has, paths)))
    click.echo(f"{second.name} is started again and had them {1000 * took:.0f} ms later")
    for site in sites:
        click.echo(f"\n$ marketplace peer list    # at {site.name}")
        click.echo(site.run("peer", "list"), nl=False)


def main() -> None:
    """Run the demo; on a terminal the sites stay until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="marketplace-federation-") as directory:
        click.echo("Three marketplaces that follow each other; this takes about half a minute.")
        with three_sites(Path(directory)) as sites:
            for site in sites:
                click.echo(f"{site.name} is at {site.url}/federation")
            show(sites, documents())
            if sys.stdout.isatty():
                click.echo("\nlook at the pages; Ctrl-C ends everything")
                try:
                    while True:
                        time.sleep(3600)  # until somebody interrupts it
                except KeyboardInterrupt:
                    click.echo("\nstopping")


if __name__ == "__main__":
    main()
