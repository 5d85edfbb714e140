"""A first publication as a terminal shows it: run for real, and kept in docs/publishing.md.

``python -m tests.recording`` writes the session anew; a test holds the page against a
session of its own. What differs from run to run (times, ports, keys) is written alike.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.factories import images
from tests.functional.running import running_server

PAGE = Path(__file__).parent.parent / "docs" / "publishing.md"
BEGIN, END = (
    "<!-- recorded by python -m tests.recording -->\n```console\n",
    "```\n<!-- end of the recording -->",
)
_SITE = "https://marketplace.example.org"
_TIME = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_COMMAND = [sys.executable, "-c", "from marketplace.cli import main; main()"]
_IDENTIFIER = re.compile(r"entry +(\S+/me@example\.org)/")

SESSION = (
    "keygen --email me@example.org --cert me.cert.pem --key me.key.pem",
    "publish debian-13.qcow2 --location https://images.example.org/debian-13.qcow2 --no-look"
    " --title 'Debian 13' --tag debian-13 --version 13.1 --os debian --os-version 13 --arch x86_64"
    " --valid 180d --licence https://www.debian.org/legal/licenses/"
    " --login-user debian --first-boot cloud-init --cert me.cert.pem --key me.key.pem",
    "publish debian-13.2.qcow2 --location https://images.example.org/debian-13.2.qcow2 --no-look"
    " --like debian-13 --version 13.2 --cert me.cert.pem --key me.key.pem",
    "deprecate --reason 'CVE-2026-1234: use 13.2' --cert me.cert.pem --key me.key.pem -o id {first}",
)


def record() -> str:
    """Run the session against a marketplace of its own, and give back what a terminal shows."""
    with (
        tempfile.TemporaryDirectory(prefix="recording-") as name,
        running_server(Path(name) / "data") as server,
    ):
        folder = Path(name) / "home"
        folder.mkdir()
        (folder / "debian-13.qcow2").write_bytes(images.qcow2(4 << 30, length=1 << 20))
        (folder / "debian-13.2.qcow2").write_bytes(images.qcow2(4 << 30, length=2 << 20))
        shown = "".join(_run(folder, server.url))
    return _TIME.sub("2026-11-29T12:00:00Z", shown.replace(server.url, _SITE))


def recorded(page: str) -> str:
    """The session that a page has."""
    return page.partition(BEGIN)[2].partition(END)[0]


def _run(folder: Path, url: str) -> Iterator[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    environ = kept | {
        "HOME": str(folder),
        "MARKETPLACE_ENDPOINT": url,
        "MARKETPLACE_KEY_PASSWORD": "a password of your own",
        "PYTHONUNBUFFERED": "1",
    }
    first = ""
    for line in SESSION:
        line = line.format(first=first)
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" "$@" {line}', *_COMMAND],
            cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        found = _IDENTIFIER.search(done.stdout)
        first = first or (found[1] if found else "")
        yield f"$ marketplace {line}\n{done.stdout}\n"


def main() -> None:
    """Write the session into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + BEGIN + record() + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
