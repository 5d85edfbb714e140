"""The programs that read views, in the environment that ``make clients`` makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
VENV = ROOT / "build" / "clients"


def require_clients() -> None:
    """Skip where the environment was not made; fail where it was promised."""
    if (VENV / ".ready").exists():
        return
    if os.environ.get("REQUIRE_CLIENTS"):
        pytest.fail("REQUIRE_CLIENTS is set, and build/clients is not there: make clients")
    pytest.skip("needs build/clients: make clients")


def run(program: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, or one of the system, in a folder that is its home."""
    require_clients()
    path = f"{VENV / 'bin'}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [program, *map(str, arguments)], cwd=folder, capture_output=True, text=True, env=environ, check=False
    )
