"""The client of LXD as it is installed, over https: what it lists, shows and downloads."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from tests.dialects.conftest import Lab
from tests.functional.pasting import need
from validators.lxd import fingerprint_of, metadata_archive


def lxc(folder: Path, authority: Path, *arguments: str) -> str:
    """What the client says, with a home and an authority of its own."""
    need("lxc", "lxd-client", "REQUIRE_LXD")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "SSL_CERT_FILE": str(authority)}
    done = subprocess.run(
        ["lxc", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def reads_debian(lab: Lab, url: str, authority: Path, folder: Path) -> None:
    """Add a remote, list it, look at the image that has a fingerprint, and download it."""
    disk = lab.contents["/debian.qcow2"]
    wanted = fingerprint_of("x86_64", disk).digest
    lxc(folder, authority, "remote", "add", "lab", url, "--protocol", "simplestreams")
    # The others have no fingerprint: LXD sees nothing of them.
    (found,) = json.loads(lxc(folder, authority, "image", "list", "lab:", "--format", "json"))
    assert (found["fingerprint"], found["type"]) == (wanted, "virtual-machine")
    assert (found["architecture"], found["properties"]["os"]) == ("x86_64", "Debian")
    assert found["size"] == len(disk) + len(metadata_archive("x86_64"))
    told = lxc(folder, authority, "image", "info", "lab:debian-12")
    assert wanted in told and "virtual-machine" in told
    (folder / "out").mkdir()
    lxc(folder, authority, "image", "export", "lab:debian-12", "out")
    parts = {one.name: one.read_bytes() for one in (folder / "out").iterdir()}
    assert parts == {"metadata.tar": metadata_archive("x86_64"), "debian.qcow2": disk}
    assert hashlib.sha256(parts["metadata.tar"] + parts["debian.qcow2"]).hexdigest() == wanted
