"""Logs of peers, made up: rows, and checkpoints that cover them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from marketplace.tlog.checkpoint import Checkpoint, SignedCheckpoint
from marketplace.tlog.following import EMPTY
from marketplace.tlog.merkle import hash_leaf
from marketplace.tlog.note import Note

ORIGIN = "mp-b.example/public"


def row(number: int, **changes: object) -> bytes:
    """The row of an entry that exists in name only."""
    fields = {
        "id": hashlib.sha256(str(number).encode()).hexdigest(),
        "n": 700 + number % 50,
        "o": ORIGIN,
        "q": number,
        "t": 1_714_521_600,
        "v": 1,
    }
    return json.dumps(fields | changes, sort_keys=True, separators=(",", ":")).encode()


def rows(count: int) -> list[bytes]:
    return [row(number) for number in range(count)]


def head(covered: Sequence[bytes], origin: str = ORIGIN) -> SignedCheckpoint:
    """The checkpoint that an honest peer signs for these rows; verifying that is somebody else's task."""
    tree = EMPTY.extended(map(hash_leaf, covered))
    checkpoint = Checkpoint(origin, tree.size, tree.root)
    return SignedCheckpoint(checkpoint, Note(checkpoint.text, ()))


def note(signed: SignedCheckpoint) -> str:
    """The text that is kept of a checkpoint."""
    return signed.note.to_bytes().decode()
