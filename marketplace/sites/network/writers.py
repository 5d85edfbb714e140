"""Rules in the words of Neutron, the openstack command, nftables and libvirt's nwfilter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import quoteattr

from marketplace.sites.network.rules import ALL, ICMPV6, Rules

#: Types of ICMP and ICMPv6 that ask, and the type of the answer to each (IANA, ICMP parameters).
_ANSWERS = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129}
#: Types of ICMPv6 by which machines of one network find each other and their router.
_NEIGHBOURS = (133, 134, 135, 136)


def neutron_rules(rules: Rules) -> list[dict[str, Any]]:
    """Rules of a security group, as Neutron's API takes them in bulk (api-ref, security-group-rules)."""
    found: list[dict[str, Any]] = []
    for direction, ports in (("ingress", rules.inbound), ("egress", rules.outbound or ())):
        for port in ports:
            limits = None if port == ALL else port
            found += [
                {
                    "direction": direction,
                    "ethertype": family,
                    "protocol": "tcp",
                    "port_range_min": limits,
                    "port_range_max": limits,
                }
                for family in ("IPv4", "IPv6")
            ]
    for type_ in rules.icmp:
        found.append(_icmp("IPv4", "icmp", type_))
        if type_ in ICMPV6:
            found.append(_icmp("IPv6", "ipv6-icmp", ICMPV6[type_]))
    return found


def _icmp(family: str, protocol: str, type_: int) -> dict[str, Any]:
    return {
        "direction": "ingress",
        "ethertype": family,
        "protocol": protocol,
        "port_range_min": type_,
        "port_range_max": None,
    }


def write_neutron(rules: Rules, identifier: str) -> str:
    """The body of ``POST /v2.0/security-group-rules``; ``SECURITY_GROUP`` is to be put in."""
    found = [one | {"security_group_id": "SECURITY_GROUP"} for one in neutron_rules(rules)]
    return json.dumps({"security_group_rules": found}, indent=2) + "\n"


def write_openstack(rules: Rules, identifier: str) -> str:
    """Commands of the openstack client for a group named after the image."""
    group = f"image-{identifier}"
    lines = [f"openstack security group create {group}"]
    if rules.outbound is not None:
        # Neutron gives every new group rules that let everything out.
        lines.append(
            f"openstack security group rule list --egress -f value -c ID {group} "
            "| xargs -r openstack security group rule delete"
        )
    for one in neutron_rules(rules):
        words = [
            "openstack security group rule create",
            f"--{one['direction']}",
            f"--ethertype {one['ethertype']}",
        ]
        words.append(f"--protocol {one['protocol']}")
        if one["protocol"] != "tcp":
            words.append(f"--icmp-type {one['port_range_min']}")
        elif one["port_range_min"] is not None:
            words.append(f"--dst-port {one['port_range_min']}")
        lines.append(" ".join([*words, group]))
    return "\n".join(lines) + "\n"


def write_nft(rules: Rules, identifier: str) -> str:
    """An nftables table with the chains ``to_vm`` and ``from_vm``, to jump to from the operator's own rules.

    Its name holds no more of the identifier than nftables takes. Loading it again replaces it.
    """
    table = "marketplace_" + "".join(c if c.isalnum() else "_" for c in identifier)
    lines = [f"table inet {table}", f"delete table inet {table}", f"table inet {table} {{"]
    lines += _nft_chain("to_vm", rules.inbound, rules.icmp)
    if rules.outbound is not None:
        lines += _nft_chain("from_vm", rules.outbound, ())
    else:
        lines += ["    chain from_vm {", "        accept", "    }"]
    return "\n".join([*lines, "}"]) + "\n"


def _nft_chain(name: str, ports: tuple[int, ...], icmp: tuple[int, ...]) -> Iterator[str]:
    yield f"    chain {name} {{"
    yield "        ct state established,related accept"
    # Without these there is no IPv6 at all (RFC 4890).
    yield "        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept"
    if ALL in ports:
        yield "        meta l4proto tcp accept"
    elif ports:
        yield f"        tcp dport {{ {', '.join(map(str, ports))} }} accept"
    for type_ in icmp:
        yield f"        icmp type {type_} accept"
        if type_ in ICMPV6:
            yield f"        icmpv6 type {ICMPV6[type_]} accept"
    yield "        drop"
    yield "    }"


def write_nwfilter(rules: Rules, identifier: str) -> str:
    """A network filter of libvirt, for ``virsh nwfilter-define``."""
    name = f"marketplace-{identifier}"
    lines = [f"<filter name={quoteattr(name)} chain='root'>", f"  <uuid>{uuid5(NAMESPACE_URL, name)}</uuid>"]
    for direction, ports in (("in", rules.inbound), ("out", rules.outbound)):
        for port in ports if ports is not None else (ALL,):
            what = "" if port == ALL else f" dstportstart='{port}'"
            kinds = ("tcp", "tcp-ipv6") if ports is not None else ("all", "all-ipv6")
            lines += [
                f"  <rule action='accept' direction='{direction}' priority='500'><{kind}{what}/></rule>"
                for kind in kinds
            ]
    for type_ in rules.icmp:
        lines += _nwfilter_icmp("icmp", type_)
        if type_ in ICMPV6:
            lines += _nwfilter_icmp("icmpv6", ICMPV6[type_])
    # Without these there is no IPv6 at all (RFC 4890). They belong to no connection.
    lines += [
        f"  <rule action='accept' direction='{direction}' priority='500' statematch='false'>"
        f"<icmpv6 type='{type_}'/></rule>"
        for type_ in _NEIGHBOURS
        for direction in ("in", "out")
    ]
    for kind in ("all", "all-ipv6"):
        lines.append(f"  <rule action='drop' direction='inout' priority='1000'><{kind}/></rule>")
    return "\n".join([*lines, "</filter>"]) + "\n"


def _nwfilter_icmp(kind: str, type_: int) -> Iterator[str]:
    """Questions of a type in, and the answers out: libvirt keeps no account of them."""
    for direction, one in (("in", type_), ("out", _ANSWERS.get(type_))):
        if one is not None:
            what = f"<{kind} type='{one}'/>"
            yield f"  <rule action='accept' direction='{direction}' priority='500'>{what}</rule>"


#: By what they are called on the command line.
WRITERS: Mapping[str, Callable[[Rules, str], str]] = {
    "neutron": write_neutron,
    "openstack": write_openstack,
    "nft": write_nft,
    "nwfilter": write_nwfilter,
}
