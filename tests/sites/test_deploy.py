"""What is shipped for operators: unit files that systemd takes, and a demo that runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())


def test_systemd_takes_the_unit_files(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("REQUIRE_LIBVIRT"):
            pytest.fail("REQUIRE_LIBVIRT is set, and there is no systemd-analyze")
        pytest.skip("needs systemd-analyze")
    assert len(UNITS) == 7
    for unit in UNITS:
        # The command and the user are not on this machine.
        text = unit.read_text().replace("/usr/local/bin/marketplace", "/bin/true")
        (tmp_path / unit.name).write_text(re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.M))
    for unit in UNITS:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True
        )
        told = [line for line in done.stderr.splitlines() if unit.stem in line]
        assert done.returncode == 0 and not told, done.stderr


def test_the_demo_of_a_cloud_shows_an_import_and_a_refusal() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "marketplace.demo.cloud"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(exit code 0)" in done.stdout and "(exit code 6)" in done.stdout
    assert "CVE-2026-0001" in done.stdout and "2 of 3" in done.stdout
    if "without libvirt" not in done.stdout:
        assert "Hook script execution failed" in done.stdout
