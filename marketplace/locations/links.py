"""Locations that may be shown as links, or written into lists that machines follow."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

#: Schemes that a browser opens without doing anything else.
_LINKED: Final = ("http", "https", "ftp")
_LONGEST: Final = 2000
#: Parameters by which stores take whoever has the address for somebody who may read, in small letters.
_CREDENTIALS: Final = frozenset(
    {
        "access_token", "apikey", "api_key", "auth", "authorization", "key", "password", "passwd", "secret",
        "sig", "signature", "temp_url_sig", "token", "x-amz-credential", "x-amz-security-token",
        "x-amz-signature", "x-goog-credential", "x-goog-signature",
    }
)  # fmt: skip


def link(uri: str) -> str | None:
    """An address to link to, with ASCII characters only; None where following it could do more than load.

    Args:
        uri: as an entry gives it; anything.
    """
    bare = uri.strip()
    try:
        parts = urlsplit(bare)
        _ = parts.port  # raises ValueError where it is no number
    except ValueError:
        return None
    if parts.scheme.lower() not in _LINKED or not parts.hostname or len(bare) > _LONGEST:
        return None
    # A name in front of the host makes one address look like another, and so do characters that do not show.
    if parts.username is not None or not bare.isprintable() or any(c.isspace() or c == "\\" for c in bare):
        return None
    return quote(bare, safe="%/:=&?~#+!$,;'@()*[]")


def carries_credentials(uri: str) -> bool:
    """Whether an address lets in whoever has it: a name and a password, or a signed or secret parameter.

    Args:
        uri: as an entry gives it; anything.
    """
    try:
        parts = urlsplit(uri.strip())
        named = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return True  # nobody can tell what it holds
    return parts.username is not None or any(name.lower() in _CREDENTIALS for name, _ in named)
