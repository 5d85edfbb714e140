"""What a peer's address may be. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from marketplace.peers.errors import PeerAddressError

_MAX_URL = 2000


def parse_address(text: str) -> str:
    """A peer's base URL.

    Raises:
        PeerAddressError: it is no http or https URL, or has more than host, port and path.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise PeerAddressError("the peer's address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > _MAX_URL:
        raise PeerAddressError("the peer's address must be an http or https URL")
    if parts.username is not None or parts.query or parts.fragment or not text.isascii() or port == 0:
        raise PeerAddressError("the peer's address may have only a host, a port and a path")
    if not text.isprintable() or " " in text:
        raise PeerAddressError("the peer's address has characters that are not allowed in a URL")
    return text.rstrip("/")
