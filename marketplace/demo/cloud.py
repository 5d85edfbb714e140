"""A marketplace, a content server and a cloud site in one terminal: ``make demo-cloud``.

Three tiny images that boot are made on the spot and endorsed. The site imports them, a
machine starts from one, its endorser withdraws it, and the next start is refused. Everything
goes through the commands that operators use; the data lies in a temporary directory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import httpx

from marketplace.demo.content import serving
from marketplace.demo.federation import DemoSite, until
from marketplace.demo.hypervisor import MESSAGE, Hypervisor, boot_disk, reason_against, running_hypervisor

PORT = 6561
EMAIL = "alice@images.example.org"
TAG = "tiny"
_COMMAND = (sys.executable, "-c", "from marketplace.cli import main; main()")
_SITE = """name = "demo"
state = "state"
run = "run"
[[marketplace]]
url = "{url}"
key = "{key}"
poll = 0.2
[trust]
anchors = ["alice.pem"]
[policy]
endorsers.allow = ["*@images.example.org"]
valid.required = true
[fetch]
allow_private = ["127.0.0.1"]
[[store]]
name = "images"
path = "images"
{store}
[[subscription]]
name = "tiny"
tag = "alice@images.example.org/tiny"
keep = 3
stores = ["images"]
"""


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="marketplace-cloud-") as directory, ExitStack() as stack:
        folder = Path(directory)
        reason = reason_against()
        if reason is not None:
            click.echo(f"without libvirt, because the demo {reason}: the site keeps images in a folder")
        hypervisor = None if reason else stack.enter_context(running_hypervisor(folder / "libvirt"))
        click.echo("starting a marketplace, and an endorser's content server ...")
        marketplace, key = _marketplace(folder / "marketplace", stack)
        (folder / "content").mkdir()
        images = _endorse(folder, marketplace, stack.enter_context(serving(folder / "content")))
        cloud = folder / "site"
        _configure(cloud, marketplace, key, hypervisor)
        stack.enter_context(_daemon(cloud))
        _show(cloud, marketplace, images, hypervisor)


def _show(cloud: Path, marketplace: DemoSite, images: list[str], hypervisor: Hypervisor | None) -> None:
    stored = [cloud / "images" / f"{identifier}.raw" for identifier in images]
    took = until(lambda: all(one.exists() for one in stored))
    click.echo(f"the site learned of three images, proved and imported them: {1000 * took:.0f} ms")
    if hypervisor is not None:
        _install_hook(cloud, hypervisor)
        serial = hypervisor.define("machine", stored[0])
        took = _timed(lambda: hypervisor.virsh("start", "machine"))
        until(lambda: MESSAGE in serial.read_text())
        click.echo(
            f"$ virsh start machine\na machine started from the first one, and runs: {1000 * took:.0f} ms"
        )
        hypervisor.virsh("destroy", "machine")
    click.echo(f"$ marketplace site may-start {images[0]}")
    click.echo(_may_start(cloud, images[0]))
    watch = _Watch(marketplace, cloud / "run" / "verdicts", images[0])
    click.echo('\n$ marketplace deprecate ... --reason "CVE-2026-0001"')
    _command(
        "deprecate", f"{images[0]}/{EMAIL}", "--reason", "CVE-2026-0001", "--endpoint", marketplace.url,
        "--cert", str(cloud / "alice.pem"), "--key", str(cloud.parent / "alice.key"),
        MARKETPLACE_KEY_PASSWORD="",
    )  # fmt: skip
    lag = watch.lag()
    click.echo(f"the site refused it {1000 * lag:.0f} ms after the marketplace had it")
    if hypervisor is not None:
        refused = hypervisor.virsh("start", "machine", check=False)
        click.echo(f"$ virsh start machine\n{refused.stderr.strip()}")
    click.echo(f"$ marketplace site may-start {images[0]}")
    click.echo(_may_start(cloud, images[0]))
    took = until(lambda: not stored[0].exists())
    click.echo(
        f"\nit is out of the store, and the others are there: {sum(one.exists() for one in stored)} of 3"
    )
    click.echo("\n$ marketplace site list")
    click.echo(_command("site", "list", "--config", str(cloud / "site.toml")), nl=False)


class _Watch:
    """Notes when a marketplace has one entry more, and when the verdict file refuses an image."""

    def __init__(self, marketplace: DemoSite, verdicts: Path, image: str) -> None:
        before = self._size(marketplace)
        refused = f"id:{image} refuse"
        self._accepted = self._start(lambda: self._size(marketplace) > before)
        self._refused = self._start(lambda: refused in verdicts.read_text())

    def lag(self) -> float:
        """Seconds between two moments."""
        for thread, _ in (self._accepted, self._refused):
            thread.join()
        return self._refused[1][0] - self._accepted[1][0]

    @staticmethod
    def _size(marketplace: DemoSite) -> int:
        answer = httpx.get(f"{marketplace.url}/api/v1/changes?limit=1", trust_env=False, timeout=60)
        return int(answer.json()["size"])

    @staticmethod
    def _start(condition: Callable[[], bool]) -> tuple[threading.Thread, list[float]]:
        moments: list[float] = []

        def wait() -> None:
            until(condition)
            moments.append(time.monotonic())

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread, moments


def _marketplace(data: Path, stack: ExitStack) -> tuple[DemoSite, str]:
    """A running marketplace that publishes its log, and the log's key."""
    site = DemoSite("mp.example", PORT, data)
    data.mkdir()
    site.run("db", "upgrade")
    site.run("peer", "init", "--origin", site.name)
    stack.callback(site.stop)
    site.start()
    logs = httpx.get(f"{site.url}/.well-known/marketplace-federation", trust_env=False).json()["logs"]
    return site, str(next(one["key"] for one in logs if one["name"] == "public"))


def _endorse(folder: Path, marketplace: DemoSite, content: str) -> list[str]:
    """Make three images and publish them; their identifiers."""
    (folder / "site").mkdir()
    certificate, key = folder / "site" / "alice.pem", folder / "alice.key"
    _command(
        "keygen", "--email", EMAIL, "--cert", str(certificate), "--key", str(key), MARKETPLACE_KEY_PASSWORD=""
    )
    made = []
    for number in (1, 2, 3):
        image = folder / "content" / f"tiny-{number}.raw"
        image.write_bytes(boot_disk(f"tiny {number}"))
        told = _command(
            "publish", str(image), "--tag", TAG, "--title", f"Tiny image {number}",
            "--description", "Boots, says so on its first serial line, and stops.",
            "--os", "none", "--os-version", str(number), "--arch", "x86_64", "--version", f"{number}.0",
            "--format", "raw", "--valid", "30d", "--location", f"{content}/{image.name}",
            "--allow-private", "127.0.0.1", "--work", str(folder / "work"), "--yes",
            "--endpoint", marketplace.url, "-o", "id",
            "--cert", str(certificate), "--key", str(key), MARKETPLACE_KEY_PASSWORD="",
        )  # fmt: skip
        made.append(told.partition("/")[0])
    click.echo(f"{EMAIL} endorsed three tiny images that boot, with the tag {TAG}")
    return made


def _configure(folder: Path, marketplace: DemoSite, key: str, hypervisor: Hypervisor | None) -> None:
    store = 'type = "directory"'
    if hypervisor is not None:
        hypervisor.make_pool("images", folder / "images")
        store = f'type = "libvirt"\npool = "images"\nuri = "{hypervisor.uri}"'
    (folder / "site.toml").write_text(_SITE.format(url=marketplace.url, key=key, store=store))


def _install_hook(cloud: Path, hypervisor: Hypervisor) -> None:
    config = ("--config", str(cloud / "site.toml"))
    _command("site", "hook", "install", "libvirt", "--folder", str(hypervisor.hooks), *config)
    hypervisor.reload()
    until(lambda: _run("site", "hook", "test", *config).returncode == 0)
    click.echo(
        "$ marketplace site hook install libvirt; marketplace site hook test\nlibvirt asks the site now"
    )


@contextmanager
def _daemon(folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*_COMMAND, "site", "run", "--config", str(folder / "site.toml")], stdout=log, stderr=log
        )
    try:
        until(lambda: (folder / "run" / "answer.sock").exists() or process.poll() is not None)
        if process.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        click.echo("$ marketplace site run &")
        yield
    finally:
        process.terminate()
        process.wait(60)


def _may_start(cloud: Path, image: str) -> str:
    done = _run("site", "may-start", image, "--config", str(cloud / "site.toml"))
    return f"{done.stdout.strip()}   (exit code {done.returncode})"


def _command(*words: str, **environment: str) -> str:
    done = _run(*words, **environment)
    if done.returncode:
        raise SystemExit(f"marketplace {' '.join(words)}: {done.stderr}")
    return done.stdout


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command
        [*_COMMAND, *words], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
