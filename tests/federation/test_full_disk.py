"""A site whose disk is full: a small file system of its own, in a mount namespace that only it is in."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.federation.sites import HEALED, Site, document, doubled, heal, make_site
from tests.functional.running import RunningServer, await_ready
from tests.launching import COMMAND, ROOT
from tests.soaking import Tell
from tests.waiting import wait_for

#: Megabytes that the disk has, and when it is replaced by a larger one.
SMALL, LARGE = 6, 200
XML = {"Content-Type": "text/xml"}


def reason_against() -> str | None:
    """Why there can be no such disk here; None where there can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "needs root and util-linux for a mount namespace"
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else f"this machine mounts nothing: {tried.stderr.decode().strip()}"


_REASON = reason_against()


@dataclass
class SmallDiskSite(Site):
    """A site whose data directory is a file system of its own, which ends with its process.

    Only the process sees it (SQLite opens no file through /proc), so what it holds is asked of it.
    """

    def start(self) -> None:
        """Start the process over a copy of what the data directory holds, on the small disk."""
        directory, log = self.data, self.data.parent / f"{self.name}.log"
        given = {"data": str(directory), "server_port": str(self.port), "site_url": self.url, **self.settings}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
        environ |= {f"MARKETPLACE_{name.upper()}": value for name, value in given.items()}
        steps = (
            f'cp -a "$0" "$0.seed" && mount -t tmpfs -o size={SMALL}m tmpfs "$0" '
            '&& cp -a "$0.seed/." "$0" && exec "$@"'
        )
        with log.open("ab") as sink:
            process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", steps, str(directory), *COMMAND, "serve"],
                env=environ, stderr=sink, stdout=sink, cwd=ROOT,
            )  # fmt: skip
        self.server = RunningServer(process, self.port, directory, log)
        await_ready(self.server, self.url)

    def ids(self) -> set[str]:
        """The entries of the public log."""
        return set(self._listed())

    def size(self) -> int:
        """How many there are."""
        return int(self._ask("/api/v1/changes?limit=1")["size"])

    def doubled(self) -> int:
        """Rows whose entry stands in the log already."""
        listed = self._listed()
        return len(listed) - len(set(listed))

    def evidence(self, peer: str) -> list[str]:
        """The codes of what stops a pull for good."""
        found = [one["code"] for one in self._ask("/api/v1/alerts")["alerts"]]
        return [code for code in found if code == "peer.quarantined"]

    def free(self) -> int:
        """Bytes of room on the disk."""
        found = os.statvfs(f"/proc/{self.running.process.pid}/root{self.data}")
        return found.f_bavail * found.f_frsize

    def enlarge(self) -> None:
        """Give the disk more room, as an operator would."""
        enter = ["nsenter", "-t", str(self.running.process.pid), "-m"]
        options = f"remount,size={LARGE}m"
        subprocess.run([*enter, "mount", "-o", options, str(self.data)], check=True, capture_output=True)

    def _listed(self) -> list[str]:
        listed: list[str] = []
        while True:
            page = self._ask(f"/api/v1/changes?since={len(listed)}")["changes"]
            if not page:
                return listed
            listed += [one["id"] for one in page]

    def _ask(self, path: str) -> dict[str, Any]:
        with self.running.client() as http:
            found: dict[str, Any] = http.get(path).json()
        return found


@pytest.mark.fault
@pytest.mark.skipif(_REASON is not None, reason=_REASON or "")
def test_a_full_disk_stops_the_pull_and_nothing_else(tmp_path: Path, tell: Tell) -> None:
    plain, other = make_site(tmp_path, "full"), make_site(tmp_path, "other")
    full = SmallDiskSite(plain.name, plain.data, plain.keys, plain.port, plain.settings)
    full.follow(other.url, other.keys.log.verifier, other.keys.auth.verifier)
    other.follow(full.url, full.keys.log.verifier, full.keys.auth.verifier)
    try:
        full.start()
        other.start()
        filler = "x" * 60_000
        sent = {full.upload(document("here"))}

        def refusal() -> httpx.Response:
            large = document(f"no room {object()}", description=filler)
            with full.running.client() as http:
                return http.post("/metadata", content=large, headers=XML)

        def is_full() -> bool:
            # Pages come in as long as they fit; the first that does not is tried again and again.
            sent.add(other.upload(document(f"large {len(sent)}", description=filler)))
            return full.free() < len(filler) and not sent <= full.ids()

        wait_for(is_full, HEALED, lambda: (len(sent), full.free()))
        refused = refusal()
        assert refused.status_code == 503, refused.text
        assert "Traceback" not in refused.text
        with full.running.client() as http:
            assert http.get("/healthz").status_code == 200
            assert http.get("/metadata?media=json").status_code == 200
        full.enlarge()
        held, seconds = heal([full, other], sent)
        tell(1, len(sent), len(sent - held), doubled([full, other]), seconds)
        assert held == sent
        assert full.evidence(other.keys.site) == []
    finally:
        full.end()
        other.end()
