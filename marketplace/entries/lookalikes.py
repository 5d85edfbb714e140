"""Addresses and names that people take for one another.

The table of characters that look alike is Unicode's (UTS 39, confusables), as the
library has it. Here it is used more strictly than there: case does not count, and i, l
and 1 are one, because addresses are read in many typefaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from marketplace.entries.records import EndorserRow

#: Look-alikes told of one endorser; addresses are cheap to make up.
MOST = 20
#: Endorsers remembered of one likeness: whoever makes up thousands must not make each look-up long.
_KEPT = 200
#: Characters of a name that are compared.
_LENGTH = 200
_COMMON_NAME = re.compile(r"(?:^|[,+])CN=((?:\\.|[^,+\\])*)", re.IGNORECASE)


class Likeness(StrEnum):
    """Two endorsers who look alike, and why."""

    ADDRESS = "address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Another endorser who can be taken for one.

    Args:
        text: the address or the name that looks alike.
    """

    kind: Likeness
    email: str
    text: str


@lru_cache(maxsize=65_536)
def skeleton(text: str) -> str:
    """What texts share that look alike; not for showing."""
    plain = unicodedata.normalize("NFKC", text[:_LENGTH]).casefold()
    table = _prototypes()
    mapped = "".join(table.get(one, one) for one in plain if unicodedata.category(one) != "Cf")
    return mapped.casefold().replace("vv", "w").replace("i", "l")


@cache
def _prototypes() -> Mapping[str, str]:
    """Character -> what stands for all that look like it.

    The library's table holds both directions: a character that looks like others names
    the one that stands for them all, and that one names all the others.
    """
    from confusable_homoglyphs.confusables import confusables_data  # a tenth of a second, where it is needed

    found = {}
    for character, alike in confusables_data.items():
        if len(character) != 1 or len(alike) != 1:
            continue
        other = alike[0]["c"]
        is_pair = len(confusables_data.get(other, ())) == 1
        # Of two that only look like each other, the one that is plain stands for both.
        if not is_pair or (not character.isascii(), character) > (not other.isascii(), other):
            found[character] = other
    return found


def common_names(subject: str) -> list[str]:
    """The names in a certificate's subject as the format spells it."""
    return [re.sub(r"\\(.)", r"\1", found).strip() for found in _COMMON_NAME.findall(subject)]


class LookAlikes:
    """The endorsers of a set who can be taken for one another."""

    def __init__(self, endorsers: Sequence[EndorserRow]) -> None:
        self._rows: dict[str, list[EndorserRow]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._names: dict[str, dict[str, EndorserRow]] = {}
        for row in endorsers:
            self._rows.setdefault(row.email, []).append(row)
            alike = self._addresses.setdefault(skeleton(row.email), set())
            if len(alike) < _KEPT:
                alike.add(row.email)
            for name in common_names(row.subject):
                holders = self._names.setdefault(skeleton(name), {})
                if len(holders) < _KEPT:
                    holders.setdefault(row.email, row)

    def of(self, email: str) -> list[LookAlike]:
        """Who can be taken for an endorser, or the endorser for them."""
        found = [
            LookAlike(Likeness.ADDRESS, other, other)
            for other in sorted(self._addresses.get(skeleton(email), ()))
            if other != email
        ]
        for row in self._rows.get(email, ()):
            for name in common_names(row.subject):
                for other, theirs in sorted(self._names.get(skeleton(name), {}).items()):
                    # One holder may well have two addresses: then an authority says the same of both.
                    same = (theirs.subject, theirs.issuer) == (row.subject, row.issuer)
                    if other != email and not (same and theirs.subject != theirs.issuer):
                        found.append(LookAlike(Likeness.NAME, other, common_names(theirs.subject)[0]))
        return list(dict.fromkeys(found))[:MOST]
