"""How the secrets of webhooks are kept: encrypted in the database, by a key beside it.

A secret has to sign, so a digest of it is not enough. Whoever gets hold of the database, or of a copy of
it, can still sign nothing: the key is in a file of the data directory that only its owner reads.
"""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketplace.webhooks.errors import SecretKeyError

#: Below the data directory, beside the site's keys: all processes of a database need the same one.
FILE: Final = "federation/webhooks.key"
_KEY_BYTES, _NONCE_BYTES = 32, 12


class SecretBox:
    """Encrypts and decrypts secrets. The key file is made when the first secret is encrypted.

    Args:
        data: the data directory.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / FILE

    def seal(self, secret: bytes, name: str) -> str:
        """Encrypt the secret of a webhook.

        Args:
            name: of the webhook; for another one it cannot be decrypted.

        Raises:
            SecretKeyError: the key can neither be read nor made.
        """
        if not self._path.exists():
            self._make()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key()).encrypt(nonce, secret, name.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, name: str) -> bytes:
        """Decrypt the secret of a webhook.

        Raises:
            SecretKeyError: the key is missing, or it is another one.
        """
        raw = base64.b64decode(sealed)
        try:
            return AESGCM(self._key()).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise SecretKeyError(
                f"{self._path} is not the key that the secret of the webhook was encrypted with: restore the "
                "file, or give the webhook a new secret (marketplace webhook rotate)"
            ) from None

    def _key(self) -> bytes:
        try:
            if self._path.stat().st_mode & 0o077:
                raise SecretKeyError(f"{self._path}: others can read this key; chmod 600 it")
            key = base64.b64decode(self._path.read_bytes()[:100])
        except OSError as error:
            raise SecretKeyError(f"{self._path}: cannot be read ({error.strerror})") from None
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise SecretKeyError(f"{self._path}: is not a key of {_KEY_BYTES} bytes in base64")
        return key

    def _make(self) -> None:
        """Write a key as a whole or not at all: another process may make one at the same moment."""
        mine = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):  # another process made it at the same time
                    os.link(mine, self._path)
            finally:
                mine.unlink()
        except OSError as error:
            raise SecretKeyError(f"{self._path}: cannot be written ({error.strerror})") from None
