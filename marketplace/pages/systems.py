"""Marks of operating systems: letters and a colour of our own, so that a list is taken in at a glance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

#: Classes of the style sheet, ``c0`` to ``c11``.
COLOURS = 12
#: Names that are not spelled as other names are.
_SPELLED = {
    "almalinux": "AlmaLinux",
    "archlinux": "Arch Linux",
    "centos": "CentOS",
    "cirros": "CirrOS",
    "freebsd": "FreeBSD",
    "netbsd": "NetBSD",
    "nixos": "NixOS",
    "openbsd": "OpenBSD",
    "opensuse": "openSUSE",
    "rhel": "RHEL",
    "sles": "SLES",
    "ttylinux": "ttylinux",
}
#: Colours of frequent systems, so that neighbours on the front page differ; others get one from their name.
_COLOURED = {
    "debian": 0,
    "ubuntu": 1,
    "rocky": 2,
    "fedora": 3,
    "almalinux": 4,
    "alpine": 5,
    "opensuse": 6,
    "freebsd": 7,
    "centos": 8,
    "archlinux": 9,
    "cirros": 10,
    "ttylinux": 11,
}
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class SystemMark:
    """One or two letters on a colour; ``colour`` is a class of the style sheet."""

    letters: str
    colour: str


def system_name(text: str) -> str:
    """The name of a system as people write it: entries often have it in small letters."""
    known = _SPELLED.get(text.strip().lower())
    return known or f"{text[:1].upper()}{text[1:]}"


@lru_cache(maxsize=4096)
def system_mark(text: str | None) -> SystemMark:
    """The mark of a system.

    Args:
        text: its name as an entry gives it, any text; None where there is none.
    """
    words = _WORD.findall(system_name((text or "").strip()[:100]))
    # Which Linux it is says more than that it is one.
    words = [word for word in words if word.lower() != "linux"] or words
    if not words:
        return SystemMark("?", "c11")
    key = (text or "").strip().lower()
    colour = _COLOURED.get(key, crc32(key.encode("utf-8", "surrogatepass")) % COLOURS)
    inner = re.findall(r"(?<=[a-z])[A-Z]", words[0])
    second = words[1][:1] if len(words) > 1 else (inner[0] if inner else words[0][1:2])
    return SystemMark(words[0][:1] + second, f"c{colour}")
