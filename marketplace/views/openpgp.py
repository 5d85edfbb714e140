"""OpenPGP signatures by GnuPG, with one key and in a home that nothing else uses."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from marketplace.views.errors import DialectUnavailableError

_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class OpenPgpSigner:
    """Signs with the secret key of a file, which no password protects."""

    key: Path

    def clearsign(self, data: bytes, at: datetime) -> bytes:
        """Sign a text; the same bytes for the same text and time.

        Args:
            at: when it is signed, as the signature says; not before the key was made.

        Raises:
            DialectUnavailableError: it cannot be signed.
        """
        # Short, since the agent's socket has to fit into it; gone afterwards with everything in it.
        with tempfile.TemporaryDirectory(prefix="mp-") as home:
            try:
                self._run(home, "--import", str(self.key))
                return self._run(
                    home, "--faked-system-time", f"{at:%Y%m%dT%H%M%S}!", "--clearsign", data=data
                )
            finally:
                self._stop(home)

    def _run(self, home: str, *arguments: str, data: bytes = b"") -> bytes:
        command = [
            "gpg", "--homedir", home, "--batch", "--quiet", "--no-options", "--trust-model", "always",
            "--pinentry-mode", "loopback", "--passphrase", "", "--digest-algo", "SHA512", *arguments,
        ]  # fmt: skip
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603  # our own
        except FileNotFoundError:
            raise DialectUnavailableError("gpg is not installed on the server") from None
        except subprocess.TimeoutExpired:
            raise DialectUnavailableError("gpg does not end") from None
        if done.returncode != 0:
            told = done.stderr.decode("utf-8", "replace").replace(home, "").replace(str(self.key), "the key")
            raise DialectUnavailableError(f"gpg cannot sign: {' '.join(told.split())[:300]}")
        return done.stdout

    def _stop(self, home: str) -> None:
        """End the agent that gpg started for this home."""
        try:
            subprocess.run(  # noqa: S603  # our own
                ["gpgconf", "--homedir", home, "--kill", "all"],  # noqa: S607  # from the PATH, as gpg
                capture_output=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return  # the agent ends by itself when its home is gone
