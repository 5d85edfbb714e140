"""OpenPGP signatures by GnuPG, with one key and in a home that nothing else uses."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
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
            at: when it is signed, as the signature says; a key that was made later signs when it was made.

        Raises:
            DialectUnavailableError: it cannot be signed.
        """
        # Short, since the agent's socket has to fit into it; gone afterwards with everything in it.
        with tempfile.TemporaryDirectory(prefix="mp-") as home:
            try:
                self._run(home, "--import", str(self.key))
                clock = f"{max(at, self._made_at(home)):%Y%m%dT%H%M%S}!"
                return self._run(home, "--faked-system-time", clock, "--clearsign", data=data)
            finally:
                self._stop(home)

    def _made_at(self, home: str) -> datetime:
        """When the key was made.

        Raises:
            DialectUnavailableError: it has expired or was revoked, or the file has no secret key.
        """
        lines = self._run(home, "--with-colons", "--list-secret-keys").decode("utf-8", "replace").splitlines()
        found = next((line.split(":") for line in lines if line.startswith("sec:")), None)
        if found is None:
            raise DialectUnavailableError("the file of views.openpgp_key has no secret key")
        if found[1] in ("e", "r"):
            raise DialectUnavailableError("the OpenPGP key has expired or was revoked")
        return datetime.fromtimestamp(int(found[5]), UTC)

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
            raise DialectUnavailableError("gpg did not end in time") from None
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
