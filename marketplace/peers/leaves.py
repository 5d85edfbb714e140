"""Rows of a peer's log: read strictly, kept verbatim, and never trusted for more than an entry id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeGuard

from marketplace.peers.errors import MalformedError
from marketplace.peers.reader import parse_json

#: The version whose meaning is known here. Others are kept and counted.
VERSION = 1
_ENTRY_ID = re.compile(r"[0-9a-f]{64}")
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a row claims.

    Args:
        entry_id: the entry's id, 64 hex digits.
        size: bytes of its body.
        origin: the log where the entry was accepted first, as claimed; never used for trust.
        sequence: its number there.
        accepted: when it was accepted there, as claimed.
    """

    entry_id: str
    size: int
    origin: str
    sequence: int
    accepted: str


def parse_leaf(row: bytes) -> Leaf | None:
    """What a row says; None for one of a version, or of no form, that is known here.

    The bytes are part of the signed tree either way, so an odd row is counted
    and passed over: it must not stop those behind it.
    """
    try:
        value = parse_json(row)
    except MalformedError:
        return None
    if not isinstance(value, dict) or not _is_number(value.get("v")) or value["v"] != VERSION:
        return None
    entry_id, origin, accepted = value.get("id"), value.get("o"), value.get("t")
    size, sequence = value.get("n"), value.get("q")
    if not isinstance(entry_id, str) or _ENTRY_ID.fullmatch(entry_id) is None:
        return None
    if not isinstance(origin, str) or not isinstance(accepted, str):
        return None
    if not _is_number(size) or not _is_number(sequence):
        return None
    return Leaf(entry_id, size, origin, sequence, accepted)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
