"""A first publication as terminals show it: run for real, and kept in docs/publishing.md.

``python -m tests.recording`` writes the sessions and the picture anew. A test holds the page against sessions
of its own. Publisher and cloud have a folder and a plain installation each, and know one another by names on
the internet (``tests/stage.py``). What differs from run to run (times) is written alike.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.demo.content import serving
from tests.factories import images
from tests.functional.running import running_server
from tests.launching import ROOT
from tests.stage import ALONE, begin, names

PAGE = ROOT / "docs" / "publishing.md"
PICTURE = ROOT / "docs" / "publishing-entry.png"
_BLOCK = re.compile(
    r"<!-- recorded by python -m tests\.recording: ([a-z]+) -->\n```console\n(.*?)```\n", re.S
)
_TIME = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_READ = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC")
_MARKETPLACE, _IMAGES = "marketplace.example.org", "images.example.org"
_ENTRY = re.compile(r"^entry +(\S+)$", re.M)
_SIZE = {"width": 1180, "height": 640}

KEYS = "--cert me.cert.pem --key me.key.pem"
SITE = """\
name = "orsay"
state = "state"
run = "run"
[[marketplace]]
url = "https://marketplace.example.org"
[trust]
anchors = ["me.cert.pem"]
[policy]
endorsers.allow = ["me@example.org"]
[[store]]
name = "images"
type = "directory"
path = "images"
[[subscription]]
name = "debian"
tag = "me@example.org/debian-13"
stores = ["images"]
"""


@dataclass
class _Terminal:
    """What one machine's terminal shows.

    Args:
        blocks: name -> what was shown, over all terminals.
    """

    folder: Path
    environ: dict[str, str]
    blocks: dict[str, str] = field(default_factory=dict)

    def type(self, block: str, line: str) -> str:
        """Run a line; gives what it wrote."""
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{line} ended with {done.returncode}: {done.stdout}")
        shown = _TIME.sub("2026-11-29T12:00:00Z", f"$ {line}\n{done.stdout}\n")
        shown = _READ.sub("2026-11-29 12:00 UTC", shown)
        self.blocks[block] = self.blocks.get(block, "") + shown
        return done.stdout


def record(programs: Path, picture: Path | None = None) -> dict[str, str]:
    """Run the sessions, and give back what each terminal shows, by name.

    Args:
        programs: folder of the command ``marketplace``.
        picture: where the picture of the entry's page goes, if one is wanted.
    """
    with tempfile.TemporaryDirectory(prefix="recording-") as name:
        told = Path(name) / "told.json"
        words = [name, str(programs), "" if picture is None else str(picture)]
        subprocess.run([*ALONE, sys.executable, "-m", "tests.recording", *words], check=True, cwd=ROOT)
        blocks: dict[str, str] = json.loads(told.read_text(encoding="utf-8"))
        return blocks


def recorded(page: str) -> dict[str, str]:
    """The sessions that a page has, by name."""
    return dict(_BLOCK.findall(page))


def ci_script(page: str) -> str:
    """The script for CI that a page has."""
    return page.partition("## From CI")[2].partition("```sh\n")[2].partition("```")[0]


def _act(folder: Path, programs: str, picture: str) -> None:
    """All that happens, on a stage of its own."""
    www, data = folder / "www", folder / "data"
    www.mkdir()
    data.mkdir()
    begin()
    with running_server(data, site_url=f"https://{_MARKETPLACE}") as server, serving(www) as content:
        ports = {_MARKETPLACE: server.port, _IMAGES: int(content.rpartition(":")[2])}
        with names(folder, ports) as authority:
            environ = {"PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
            environ |= {"SSL_CERT_FILE": str(authority), "CURL_CA_BUNDLE": str(authority)}
            blocks: dict[str, str] = {}
            me = _terminal(folder / "me", environ, blocks)
            me.environ |= {
                "MARKETPLACE_ENDPOINT": f"https://{_MARKETPLACE}",
                "MARKETPLACE_KEY_PASSWORD": "a password of your own",
            }
            entry = _publish(me, www)
            if picture:
                _take_picture(f"{server.url}/metadata/{entry}", Path(picture))
            _release_from_ci(me, www)
            me.type("proof", f"curl -s -o entry.xml https://{_MARKETPLACE}/metadata/{entry}")
            me.type(
                "proof", "xmlsec1 --verify --enabled-key-data x509,rsa,ec --trusted-pem me.cert.pem entry.xml"
            )
            cloud = _terminal(folder / "cloud", environ, blocks)
            _import(cloud, (me.folder / "me.cert.pem").read_bytes())
            image = entry.rpartition("/")[0]
            reason = "--reason 'CVE-2026-1234: use 13.2' --replaced-by me@example.org/debian-13"
            me.type("withdrawal", f"marketplace deprecate {reason} {KEYS} -o json {image}")
    (folder / "told.json").write_text(json.dumps(blocks), encoding="utf-8")


def _terminal(home: Path, environ: dict[str, str], blocks: dict[str, str]) -> _Terminal:
    home.mkdir()
    return _Terminal(home, environ | {"HOME": str(home)}, blocks)


def _publish(me: _Terminal, www: Path) -> str:
    image = images.qcow2(4 << 30, length=1 << 20)
    for place in (me.folder, www):
        (place / "debian-13.qcow2").write_bytes(image)
    me.type("first", f"marketplace keygen --email me@example.org {KEYS}")
    shown = me.type(
        "first",
        f"marketplace publish debian-13.qcow2 --location https://{_IMAGES}/debian-13.qcow2 "
        "--title 'Debian 13' --tag debian-13 --version 13.1 --os debian --os-version 13 --arch x86_64 "
        "--valid 180d --licence https://www.debian.org/legal/licenses/ --login-user debian "
        f"--first-boot cloud-init {KEYS}",
    )
    found = _ENTRY.search(shown)
    assert found is not None, shown
    return found[1]


def _release_from_ci(me: _Terminal, www: Path) -> None:
    (me.folder / "build").mkdir()
    (me.folder / "build" / "debian-13.qcow2").write_bytes(images.qcow2(4 << 30, length=2 << 20))
    (me.folder / "release.sh").write_text(ci_script(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    me.environ |= {"WEB": str(www)}
    me.type("ci", "VERSION=13.2 sh release.sh")
    me.type("ci", "head -n 5 published.json")


def _import(cloud: _Terminal, certificate: bytes) -> None:
    (cloud.folder / "me.cert.pem").write_bytes(certificate)
    (cloud.folder / "site.toml").write_text(SITE, encoding="utf-8")
    (cloud.folder / "images").mkdir()
    for line in ("cat site.toml", "marketplace site sync", "ls images"):
        shown = cloud.type("cloud", line)
    cloud.type("cloud", f"marketplace site may-start images/{shown.strip()}")


def _take_picture(url: str, path: Path) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS
    from tests.browser.looking import find_browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))
        page = browser.new_page(viewport=_SIZE, reduced_motion="reduce")
        page.goto(url)
        page.screenshot(path=path)
        browser.close()


def main() -> None:
    """Write the sessions into the page, and the picture beside it."""
    from tests.packaging.plain import install

    with tempfile.TemporaryDirectory(prefix="recording-") as name:
        blocks = record(install(Path(name)), PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    for block, shown in recorded(page).items():
        head = f"<!-- recorded by python -m tests.recording: {block} -->\n```console\n"
        page = page.replace(f"{head}{shown}```\n", f"{head}{blocks[block]}```\n")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _act(Path(sys.argv[1]), *sys.argv[2:])
    else:
        main()
