"""The commands of an image's page, pasted into a shell."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from marketplace.pages.commands import Command
from marketplace.pages.image_commands import ImageCommands, image_commands
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept


def need(tool: str, package: str, switch: str) -> None:
    """Skip where a program is not installed, and fail where it has to be."""
    if shutil.which(tool) is None:
        assert switch not in os.environ, f"needs {tool} (Debian: {package})"
        pytest.skip(f"needs {tool} (Debian: {package})")


def commands(file: Path, *locations: str, **said: object) -> ImageCommands:
    """What the page of an image offers."""
    data = file.read_bytes()
    draft = image(
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        checksums=(("SHA-256", hashlib.sha256(data).hexdigest()),),
        size=len(data),
        locations=locations,
        **said,
    )
    return image_commands(accept(signed(draft, make_identity())))


def steps_for(key: str, file: Path, **said: object) -> tuple[Command, ...]:
    """The steps for a platform, for a file that was downloaded already."""
    use = commands(file, f"https://images.example.org/{file.name}", **said)
    (found,) = [one.steps for one in use.platforms if one.key == key]
    return found


def paste(line: str, folder: Path, **environ: str) -> str:
    """Run a line, which has to succeed; what it wrote."""
    done = subprocess.run(
        ["bash", "-ec", line],
        cwd=folder,
        env={**os.environ, "no_proxy": "127.0.0.1", **environ},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout
