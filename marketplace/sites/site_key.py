"""The key of a site: an Ed25519 note key named as the site, in a file that only its owner reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.sites.errors import SiteError
from marketplace.tlog.errors import KeyFormatError
from marketplace.tlog.note import SigningKey, parse_signing_key

_MOST_KEY: Final = 4096


class SiteKeyError(SiteError, code="site.key"):
    """The site's key cannot be used."""


def read_site_key(file: Path, site: str) -> SigningKey:
    """The site's key, with which it signs receipts.

    Raises:
        SiteKeyError: it cannot be read, or is named otherwise than the site.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_KEY).decode("ascii").strip()
        key = parse_signing_key(text)
    except OSError as error:
        remedy = "; marketplace site key --new makes one" if isinstance(error, FileNotFoundError) else ""
        raise SiteKeyError(f"{file}: the site's key cannot be read ({error.strerror}){remedy}") from None
    except (KeyFormatError, UnicodeDecodeError):
        raise SiteKeyError(
            f"{file}: is not the key of a site; marketplace site key --new makes one"
        ) from None
    if key.name != site:
        raise SiteKeyError(f"{file}: is the key of {key.name}, and this site is named {site}")
    return key


def make_site_key(file: Path, site: str) -> SigningKey:
    """Make a key for a site, in a file that only its owner reads.

    Raises:
        FileExistsError: the file is there.
        OSError: it cannot be written.
    """
    key = SigningKey(site, Ed25519PrivateKey.generate())
    with open(file, "x", encoding="ascii", opener=_private) as stream:
        stream.write(key.reveal() + "\n")
    return key


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
