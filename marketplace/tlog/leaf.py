"""Leaves: what a log says of each entry, as JSON in one spelling, kept and served byte for byte.

A leaf names no person, so it never has to be taken back. What stands in it about
where an entry was first accepted is a claim and decides nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.tlog.encoding import MAX_NUMBER, decode_hash, encode_base64
from marketplace.tlog.errors import LeafError

VERSION = 1
#: Most bytes of a leaf that is read; ours have about 180.
MAX_LEAF = 1024
#: Names of logs in a leaf: a host (with port) and a path, so ASCII without anything that JSON escapes.
MAX_ORIGIN = 255
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*")
_ENTRY_ID = re.compile(r"[0-9a-f]{64}")
#: Largest number that every JSON reader takes exactly.
_MAX_EXACT = 2**53 - 1


@dataclass(frozen=True, slots=True)
class EntryLeaf:
    """An entry's row.

    Args:
        entry_id: 64 hex digits.
        size: bytes of the entry's body, as this log received it.
        origin: log that first accepted it, as claimed.
        sequence: there.
        time: seconds since 1970, there.
    """

    entry_id: str
    size: int
    origin: str
    sequence: int
    time: int

    def to_bytes(self) -> bytes:
        """The leaf in canonical form."""
        # By hand, because this is done several times for every entry. Nothing in it needs to be escaped.
        return (
            f'{{"id":"{self.entry_id}","n":{self.size},"o":"{self.origin}","q":{self.sequence},'
            f'"t":{self.time},"v":{VERSION}}}'
        ).encode()


@dataclass(frozen=True, slots=True)
class EpochLeaf:
    """The first row of a log that takes the place of an older one.

    Args:
        origin: of the older log.
        size: its last known size.
        root: its root at that size.
        time: seconds since 1970 when the new one was opened.
    """

    origin: str
    size: int
    root: bytes
    time: int

    def to_bytes(self) -> bytes:
        """The leaf in canonical form."""
        said = {
            "o": self.origin,
            "q": self.size,
            "r": encode_base64(self.root),
            "t": self.time,
            "v": VERSION,
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class UnknownLeaf:
    """A row of a version that is not known here: its bytes count in the tree, its meaning is skipped."""

    version: int


Leaf = EntryLeaf | EpochLeaf | UnknownLeaf


def parse_leaf(data: bytes) -> Leaf:
    """Read a leaf.

    Raises:
        LeafError: it is none, or not in its one spelling.
    """
    if len(data) > MAX_LEAF:
        raise LeafError(f"a leaf has at most {MAX_LEAF} bytes")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise LeafError("the leaf is not JSON") from None
    if not isinstance(said, dict) or b"\n" in data:
        raise LeafError("the leaf is not a JSON object on one line")
    version = _number(said, "v")
    if version != VERSION:
        return UnknownLeaf(version)
    leaf = _read_entry(said) if "id" in said else _read_epoch(said)
    if leaf.to_bytes() != data:
        raise LeafError("the leaf is not in canonical form")
    return leaf


def is_origin(text: str) -> bool:
    """Whether a text can name a log in a leaf."""
    return len(text) <= MAX_ORIGIN and _ORIGIN.fullmatch(text) is not None


def _read_entry(members: Mapping[str, Any]) -> EntryLeaf:
    entry_id = members["id"]
    if not isinstance(entry_id, str) or not _ENTRY_ID.fullmatch(entry_id):
        raise LeafError("the leaf's id is not an entry id")
    return EntryLeaf(
        entry_id,
        _number(members, "n"),
        _origin(members),
        _number(members, "q", MAX_NUMBER),
        _number(members, "t"),
    )


def _read_epoch(members: Mapping[str, Any]) -> EpochLeaf:
    root = members.get("r")
    try:
        decoded = decode_hash(root if isinstance(root, str) else "")
    except ValueError:
        raise LeafError("the leaf has neither an id nor a root") from None
    return EpochLeaf(_origin(members), _number(members, "q", MAX_NUMBER), decoded, _number(members, "t"))


def _origin(members: Mapping[str, Any]) -> str:
    origin = members.get("o")
    if not isinstance(origin, str) or not is_origin(origin):
        raise LeafError("the leaf's o is not the name of a log")
    return origin


def _number(members: Mapping[str, Any], name: str, most: int = _MAX_EXACT) -> int:
    value = members.get(name)
    # True is an int to Python, and not to JSON.
    if type(value) is not int or not 0 <= value <= most:
        raise LeafError(f"the leaf's {name} is not a whole number in the allowed range")
    return value
