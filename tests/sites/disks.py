"""Small file systems for tests: real disks that are soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A file system of a given size at a folder that is there."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    mounted = subprocess.run(words, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"this machine mounts nothing here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def fill_disk(folder: Path) -> Path:
    """Leave no room on a file system; returns the file that takes it."""
    filler = folder / "of-somebody-else"
    with suppress(OSError), filler.open("wb") as stream:  # that the disk is full is what is wanted
        while True:
            stream.write(bytes(4096))
            stream.flush()
    return filler
