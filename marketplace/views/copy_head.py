"""The head of a copy: what the site signs of its index, so that nothing can be left out or put in.

One line of JSON in one spelling, as a C2SP signed note of the key that signs the site's checkpoints. A
checkpoint has three lines or more, so that neither can be taken for the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import SigningKey, VerifierKey, parse_note, sign_note, verify_note
from marketplace.views.errors import CopyError
from validators.document import format_time
from validators.times import parse_time

#: Written after the index, and read before it.
HEAD: Final = "index.note"
#: Bytes of it that are read.
MAX_HEAD: Final = 16 * 1024
_TYPE: Final = "marketplace-copy/v1"


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The head of a log that a copy was made at.

    Args:
        origin: names the log.
        root: of the tree, in hex.
    """

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class CopyHead:
    """What the site says of a copy.

    Args:
        view: its name.
        definition: digest of what the view is (``definitions.digest``).
        logs: heads of the published logs that it shows.
        index: SHA-256 of the index, in hex.
        hour: when the copy was made, in whole hours, so that the same state is the same bytes for a while.
    """

    view: str
    definition: str
    logs: tuple[LogPosition, ...]
    index: str
    hour: datetime


def describe_index(index: bytes) -> str:
    """How a head names an index."""
    return sha256(index).hexdigest()


def sign_head(head: CopyHead, key: SigningKey) -> bytes:
    """The head as a file.

    Args:
        key: of the site, under the name of its public log where it has one.
    """
    return sign_note(_write(head), key).to_bytes()


def verify_head(data: bytes, key: VerifierKey) -> CopyHead:
    """The head of a copy, if a site signed it.

    Args:
        key: of the site, or of its public log.

    Raises:
        CopyError: it is none, or another key signed it.
    """
    try:
        signed = [key.named(one.name) for one in parse_note(data).signatures if key.covers(one.name)]
        note = verify_note(data, signed)
    except TlogError as error:
        raise CopyError(f"{HEAD}: {error}") from None
    try:
        head = _read(json.loads(note.text))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CopyError(f"{HEAD} is not the head of a copy") from None
    if _write(head) != note.text:
        raise CopyError(f"{HEAD} is not in its one spelling")
    return head


def _write(head: CopyHead) -> str:
    told = {
        "definition": head.definition,
        "hour": format_time(head.hour),
        "index": head.index,
        "logs": [asdict(one) for one in head.logs],
        "type": _TYPE,
        "view": head.view,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n"


def _read(value: Any) -> CopyHead:
    """Read the object of a note.

    Raises:
        ValueError, KeyError, TypeError: it says something else.
    """
    if value["type"] != _TYPE:
        raise ValueError
    return CopyHead(
        view=_text(value["view"]),
        definition=_text(value["definition"]),
        logs=tuple(_position(one) for one in _list(value["logs"])),
        index=_text(value["index"]),
        hour=parse_time(_text(value["hour"])),
    )


def _position(value: Any) -> LogPosition:
    if not isinstance(value["size"], int):
        raise TypeError
    return LogPosition(_text(value["origin"]), value["size"], _text(value["root"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value
