"""Logs of peers, made up: rows, and checkpoints that cover them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from marketplace.peers.frontier import EMPTY
from marketplace.peers.trusted_log import SignedHead

ORIGIN = "mp-b.example/public"


def row(number: int, **changes: object) -> bytes:
    """The row of an entry that exists in name only."""
    fields = {
        "id": hashlib.sha256(str(number).encode()).hexdigest(),
        "n": 700 + number % 50,
        "o": ORIGIN,
        "q": number,
        "t": "2024-05-01T00:00:00Z",
        "v": 1,
    }
    return json.dumps(fields | changes, sort_keys=True, separators=(",", ":")).encode()


def rows(count: int) -> list[bytes]:
    return [row(number) for number in range(count)]


def head(covered: Sequence[bytes], origin: str = ORIGIN) -> SignedHead:
    """The checkpoint that an honest peer signs for these rows."""
    tree = EMPTY.extended(covered)
    return SignedHead(origin, tree.size, tree.root(), f"note of {tree.size} {tree.root().hex()}")
