"""A vendor's OpenPGP key and what it signs, by real gpg in a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Signer:
    """Makes a key in a folder, and signs with it.

    Args:
        at: time that gpg believes it is, ``YYYYMMDDThhmmss``; empty for now.
        lifetime: of the key, as gpg writes it; 0: without end.
    """

    def __init__(self, folder: Path, *, at: str = "", lifetime: str = "0") -> None:
        if shutil.which("gpg") is None or shutil.which("gpgv") is None:
            assert "REQUIRE_GPG" not in os.environ, "needs gpg and gpgv"
            pytest.skip("needs gpg and gpgv (Debian: gnupg, gpgv)")
        self._home = folder
        folder.mkdir(mode=0o700)
        self._run("--quick-gen-key", "Vendor <vendor@example.org>", "ed25519", "sign", lifetime, at=at)

    def public_key(self, armor: bool = True) -> bytes:
        return self._run(*(["--armor"] if armor else []), "--export")

    def secret_key(self) -> bytes:
        return self._run("--export-secret-keys")

    def detached(self, data: bytes, *, at: str = "", armor: bool = True) -> bytes:
        return self._run(*(["--armor"] if armor else []), "--detach-sign", data=data, at=at)

    def clearsigned(self, data: bytes, *, at: str = "") -> bytes:
        return self._run("--clearsign", data=data, at=at)

    def close(self) -> None:
        """End the agent of this home."""
        subprocess.run(
            ["gpgconf", "--kill", "gpg-agent"], env=self._environ(), capture_output=True, check=False
        )

    def _run(self, *arguments: str, data: bytes = b"", at: str = "") -> bytes:
        clock = ["--faked-system-time", f"{at}!"] if at else []
        done = subprocess.run(
            ["gpg", "--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback",
             *clock, *arguments],
            input=data, capture_output=True, env=self._environ(), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _environ(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self._home), "PATH": os.environ["PATH"]}
