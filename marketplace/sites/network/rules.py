"""Which ports an entry asks for, and what the site lets it have.

The format has ``inbound-port`` and ``outbound-port`` (0: all) and ``icmp`` (types), without a
protocol: they are TCP, for IPv4 and IPv6. Nothing is applied here: the operator pipes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from marketplace.sites.settings import NetworkTable
from validators.document import AcceptedEntry
from validators.vocabulary import ICMP, INBOUND_PORT, OUTBOUND_PORT

#: Stands for every port.
ALL = 0
#: ICMP types whose ICMPv6 counterpart has another number (RFC 4443): echo request.
ICMPV6 = {8: 128}


@dataclass(frozen=True, slots=True)
class Rules:
    """Ports that are open, and ICMP types that come in.

    Args:
        outbound: None where the entry asks for nothing, so nothing is limited.
        left_out: what the entry asks for and the site does not allow, a sentence each.
    """

    inbound: tuple[int, ...]
    outbound: tuple[int, ...] | None
    icmp: tuple[int, ...]
    left_out: tuple[str, ...] = ()


def rules_of(entry: AcceptedEntry, table: NetworkTable) -> Rules:
    """What an entry asks for, within what the site allows."""
    asked = {name: sorted(_numbers(entry, name)) for name in (INBOUND_PORT, OUTBOUND_PORT, ICMP)}
    left_out: list[str] = []

    def allowed(ports: Iterable[int], most: tuple[int, ...], what: str) -> tuple[int, ...]:
        found = []
        for port in ports:
            if port == ALL and not table.allow_all:
                left_out.append(f"{what}-port 0, all ports (network.allow_all)")
            elif port != ALL and most and port not in most:
                left_out.append(f"{what}-port {port} (network.allow_{what})")
            else:
                found.append(port)
        return (ALL,) if ALL in found else tuple(found)

    inbound = allowed(asked[INBOUND_PORT], table.allow_inbound, "inbound")
    outbound = allowed(asked[OUTBOUND_PORT], table.allow_outbound, "outbound")
    return Rules(inbound, outbound if asked[OUTBOUND_PORT] else None, tuple(asked[ICMP]), tuple(left_out))


def _numbers(entry: AcceptedEntry, name: str) -> set[int]:
    # Acceptance holds them to their bounds.
    return {int(term.text) for term in entry.metadata.terms if term.name == name}
