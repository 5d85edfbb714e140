"""The site's own keys: files that only its owner reads, made once by ``marketplace peer init``.

They are neither in the database nor in any log line. The log key signs what
this site publishes and cosigns; the auth key tells peers who is asking. They
differ, so that whoever gets hold of the key that a web process uses on every
request to a peer cannot write history with it.
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.federation.errors import KeysError
from marketplace.tlog.errors import KeyFormatError
from marketplace.tlog.note import COSIGNATURE, SigningKey, VerifierKey, parse_signing_key

#: Names below the data directory.
DIRECTORY, LOG_FILE, AUTH_FILE = "federation", "log.key", "auth.key"

_AUTH_SUFFIX = "/auth"
_MAX_SITE = 200
_SITE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
#: A checkpoint of a log of this name would read like the first line of a cosignature.
_RESERVED = frozenset({"cosignature"})
_MAX_FILE = 4096


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """Who this site is among others.

    Args:
        log: named as the site; signs checkpoints under the names of its logs, and cosigns.
        auth: signs assertions to peers.
    """

    log: SigningKey
    auth: SigningKey

    @property
    def site(self) -> str:
        """The site's name, with which the names of its logs begin."""
        return self.log.name

    @property
    def witness(self) -> VerifierKey:
        """What others verify this site's cosignatures with."""
        return self.log.verifier.named(self.site, COSIGNATURE)

    def verifier(self, origin: str) -> VerifierKey:
        """What others verify the checkpoints of a log with."""
        return self.log.verifier.named(origin)


def is_site_name(text: str) -> bool:
    """Whether a text can name a site: a host in lower case, with a port where it needs one."""
    return len(text) <= _MAX_SITE and text not in _RESERVED and _SITE.fullmatch(text) is not None


def create_keys(data: Path, site: str) -> SiteKeys:
    """Make the keys of a site that has none.

    Args:
        data: the data directory.
        site: the site's name for ever.

    Raises:
        KeysError: the site has keys already, or the name is none.
        OSError: they cannot be written.
    """
    if not is_site_name(site):
        raise KeysError(f"{site!r} cannot name a site: use a host name in lower case, such as mp.example.org")
    directory = data / DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = SiteKeys(
        SigningKey(site, Ed25519PrivateKey.generate()),
        SigningKey(site + _AUTH_SUFFIX, Ed25519PrivateKey.generate()),
    )
    # The auth key first: a log key alone is what decides that a site has keys.
    for name, key in ((AUTH_FILE, keys.auth), (LOG_FILE, keys.log)):
        _write_new(directory / name, key)
    return keys


def load_keys(data: Path) -> SiteKeys | None:
    """The keys of the site; None where none were made.

    Raises:
        KeysError: they cannot be used; the message names the file and nothing of what it holds.
    """
    directory = data / DIRECTORY
    if not (directory / LOG_FILE).exists():
        return None
    log, auth = _read(directory / LOG_FILE), _read(directory / AUTH_FILE)
    if not is_site_name(log.name) or auth.name != log.name + _AUTH_SUFFIX:
        raise KeysError(f"{directory}: the keys are of different sites")
    return SiteKeys(log, auth)


def derive_key(keys: SiteKeys | None, purpose: str) -> bytes:
    """A secret of the site for one purpose, the same in each of its processes.

    Without keys there is none to derive it from, and what it proves is that nothing was altered by mistake.
    """
    secret = b"" if keys is None else keys.auth.private.private_bytes_raw()
    return hmac.digest(secret, purpose.encode(), "sha256")


def _write_new(path: Path, key: SigningKey) -> None:
    """Write a key so that no other user can read it at any moment, and none is ever replaced."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeysError(
            f"{path} exists: this site already has keys, and new keys would make it another site"
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> SigningKey:
    try:
        if path.stat().st_mode & 0o077:
            raise KeysError(f"{path}: others can read this key: run chmod 600 on it")
        with path.open("rb") as file:
            text = file.read(_MAX_FILE).decode("ascii", "replace").strip()
        return parse_signing_key(text)
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
    except KeyFormatError as error:
        raise KeysError(f"{path}: {error}") from None
