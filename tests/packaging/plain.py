"""An environment with the plain installation: the wheel without extras."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

from tests.launching import ROOT


def install(folder: Path) -> Path:
    """Install the wheel below a folder; gives the folder of its programs."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # What an earlier build left in the checkout would go into this wheel, too.
    (folder / "build.cfg").write_text(f"[build]\nbuild_base = {folder / 'build'}\n")
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT],
        check=True,
        cwd=folder,
        env=os.environ | {"DIST_EXTRA_CONFIG": str(folder / "build.cfg")},
    )
    (wheel,) = folder.glob("image_marketplace-*.whl")
    locked = re.findall(r"^[a-z0-9-]+==[^ \\;]+", (ROOT / "requirements.lock").read_text(), re.M | re.I)
    (folder / "locked.txt").write_text("\n".join(locked))
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [*pip, "--python", python, "install", "--constraint", folder / "locked.txt", wheel], check=True
    )
    return python.parent
