"""Secrets: how they are made, spelled, kept and compared.

A token is written ``mpt_NAME_SECRET``: the name (64 random bits) finds its row,
the secret (258 random bits) proves it. Only the SHA-256 of the whole is kept: of
that many random bits a plain hash is as hard to turn around as a slow one. What
looks like a token is blotted out of every log line (``marketplace.logs``).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

_TOKEN = re.compile(r"mpt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"mps_[A-Za-z0-9_-]{43}")
_VIEW = re.compile(r"mpv_[A-Za-z0-9_-]{43}")
#: Bytes of randomness in a secret.
_BYTES = 32
#: Compared with where there is no row, so that a missing name takes as long as a wrong secret.
NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """What the owner of a token holds. Its text never shows in a ``repr``."""

    name: str
    text: str = field(repr=False)


def make_token() -> TokenSecret:
    """A new token."""
    name = secrets.token_hex(8)
    return TokenSecret(name, f"mpt_{name}_{secrets.token_urlsafe(_BYTES)}")


def find_token(text: str) -> TokenSecret | None:
    """The token a text is, if it has the form of one."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else TokenSecret(found[1], text)


def make_session() -> str:
    """The cookie of a new session."""
    return f"mps_{secrets.token_urlsafe(_BYTES)}"


def is_session(text: str) -> bool:
    """Whether a text has the form of a session's cookie."""
    return _SESSION.fullmatch(text) is not None


def make_view() -> str:
    """The unguessable name of a new view: whoever knows it sees what the view shows."""
    return f"mpv_{secrets.token_urlsafe(_BYTES)}"


def is_view(text: str) -> bool:
    """Whether a text has the form of a view's unguessable name."""
    return _VIEW.fullmatch(text) is not None


def digest_of(secret: str) -> str:
    """What is stored of a secret: 64 hex digits."""
    return sha256(secret.encode()).hexdigest()


def is_secret_of(secret: str, digest: str) -> bool:
    """Whether a secret has this digest, in a time that does not tell how nearly."""
    return compare_digest(digest_of(secret), digest)
