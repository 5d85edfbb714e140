"""development.ini as it stands serves by pserve too, but for its port and its directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.functional.running import AUTHORITIES, START_SECONDS, STOP_SECONDS
from tests.launching import ROOT
from tests.waiting import wait_for


def test_development_ini_serves_and_logs_under_pserve(tmp_path: Path) -> None:
    example = (ROOT / "development.ini").read_text(encoding="utf-8")
    ini = tmp_path / "site.ini"
    ini.write_text(example.replace("listen = 127.0.0.1:6543", "listen = 127.0.0.1:0"), encoding="utf-8")
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MARKETPLACE_")}
    log = tmp_path / "log"

    def logged(pattern: str) -> re.Match[str] | None:
        return re.search(pattern, log.read_text(encoding="utf-8"))

    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "from pyramid.scripts.pserve import main; main()", str(ini)],
            cwd=tmp_path,
            env=environ | {"PYTHONPATH": str(ROOT)},
            stdout=errors,
            stderr=errors,
            # Whoever runs the tests in the background may have had this signal ignored, which is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        serving = wait_for(lambda: logged(r"Serving on (http://\S+)"), START_SECONDS)
        assert serving is not None
        answer = httpx.get(
            f"{serving[1]}/metadata?status=all", trust_env=False, timeout=30, verify=AUTHORITIES
        )
        assert (answer.status_code, answer.text) == (404, "<error>no metadata matching query found</error>")
        wait_for(lambda: logged(r"path=/metadata .*status=404"))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
    assert (tmp_path / "var" / "marketplace.sqlite").exists()
    # Nobody else reads what a site keeps: its groups keep entries to themselves.
    kept = [path for path in (tmp_path / "var", *(tmp_path / "var").rglob("*")) if not path.is_symlink()]
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    assert {path.name for path in kept} >= {"sparql", "search", "marketplace.sqlite"}
