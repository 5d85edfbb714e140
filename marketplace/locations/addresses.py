"""Which addresses a location may lead to: whoever writes one must not make others ask their own inside.

A name is resolved once, and the connection goes to the address that was looked at: a
name that answers otherwise a moment later changes nothing. Redirects come through here too.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import httpcore

from marketplace.deadlines import Deadline, DeadlineNetwork

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: IPv6 addresses that carry an IPv4 one inside: what counts is where they lead.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHOWN = 3


class RefusedAddressError(Exception):
    """A location leads to an address inside: loopback, private, link-local, or a cloud's metadata."""


class AddressGuard:
    """Tells which addresses of which hosts may be asked: those that everybody has, and named ones.

    Args:
        allow_private: networks (``10.1.0.0/16``) and host names that may be inside.
    """

    def __init__(self, allow_private: Sequence[str] = ()) -> None:
        self._networks = []
        self._hosts = set()
        for one in allow_private:
            try:
                self._networks.append(ipaddress.ip_network(one, strict=False))
            except ValueError:
                self._hosts.add(one.lower().rstrip("."))

    def names(self, host: str, address: Address | None) -> bool:
        """Whether a host, or an address, is among those inside that the operator named."""
        if host.lower().rstrip(".") in self._hosts:
            return True
        return address is not None and any(address in one for one in self._networks)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a host may be asked at an address."""
        if self.names(host, address):
            return True
        return all(_is_outside(one) for one in (address, _inner(address)))

    def addresses(self, host: str, port: int) -> list[str]:
        """Where a host may be asked.

        Raises:
            RefusedAddressError: nowhere.
            OSError: the name cannot be resolved.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
        allowed = [one for one in addresses if self.allows(host, ipaddress.ip_address(one))]
        if not allowed:
            raise RefusedAddressError(
                f"{host} is {', '.join(addresses[:_SHOWN])}, an address inside a network"
            )
        return allowed


def _is_outside(address: Address) -> bool:
    old_site = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_multicast and not old_site


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


class GuardedNetwork(DeadlineNetwork):
    """Connections to addresses that the guard allows, each step within the deadline."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        super().__init__(deadline)
        self._guard = guard

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, looked up once: what was allowed is what is asked."""
        try:
            return self._guard.addresses(host, port)
        except (OSError, UnicodeError, ValueError) as error:
            raise httpcore.ConnectError(f"{host} has no address ({error})") from error
