"""Who a request is from, where proxies stand in front: their word counts, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

Network = IPv4Network | IPv6Network
_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: What proxies say of a request. Nothing of it reaches the application: anybody can write these.
_SAID: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
)
#: Addresses of one header that are looked at, from its end.
_MOST_HOPS: Final = 20


class BehindProxies:
    """A WSGI application whose ``REMOTE_ADDR`` is the client's and not that of a proxy.

    Args:
        application: what answers.
        trusted: the networks of the proxies whose ``X-Forwarded-For`` is believed.
    """

    def __init__(self, application: _Application, trusted: Sequence[Network]) -> None:
        self._application = application
        self._trusted = tuple(trusted)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request under its client's address."""
        told = environ.get("HTTP_X_FORWARDED_FOR", "")
        for name in _SAID:
            environ.pop(name, None)
        if self._trusted and told:
            client = find_client(environ.get("REMOTE_ADDR", ""), told, self._trusted)
            environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = client
        return self._application(environ, start_response)


def find_client(peer: str, addresses: str, trusted: Sequence[Network]) -> str:
    """The address next to the last trusted proxy, on the way from the server to the client.

    Args:
        peer: address of the connection.
        addresses: X-Forwarded-For, to which each proxy adds the address that it was called from.
    """
    client = peer
    for hop in reversed(addresses.split(",")[-_MOST_HOPS:]):
        address = _read(client)
        if address is None or not any(address in network for network in trusted):
            return client
        named = _read(hop.strip())
        if named is None:
            return client
        client = str(named)
    return client


def plain_address(text: str) -> str:
    """An address as its own family writes it: a socket of both families shows IPv4 inside of IPv6."""
    address = _read(text)
    return text if address is None else str(address)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also with a port or in brackets; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
