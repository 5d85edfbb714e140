"""A copy of a view in files: what its index says. No server in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from marketplace.views.errors import CopyError
from marketplace.views.value import SignedList, View
from validators.document import format_time
from validators.times import parse_time

#: The index of a copy, written last.
INDEX: Final = "index.json"
FORMAT: Final = "marketplace-copy/1"
#: Folder of the log's receipts.
RECEIPTS: Final = "log/"
#: Bytes of an index, and of any other file, that are read.
MAX_INDEX, MAX_FILE = 256 << 20, 512 << 20


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of a copy."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CopiedEntry:
    """An entry of a copy, and what the site added to it."""

    entry_id: str
    accepted_at: datetime
    private: bool


@dataclass(frozen=True)
class Index:
    """The index of a copy of a view.

    Args:
        view: what of the view no entry says.
        unavailable: why a document is not in the copy, by its path.
        key: of the site, which signed the head of the copy and the log; None where it has none.
        checkpoint: digest of the log's checkpoint that the receipts are of.
    """

    view: Mapping[str, Any]
    images: tuple[CopiedEntry, ...]
    withdrawn: tuple[CopiedEntry, ...]
    files: tuple[CopiedFile, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    checkpoint: str | None = None

    def to_bytes(self) -> bytes:
        """The index as a file; the same for the same copy."""
        told = {
            "format": FORMAT,
            "view": dict(self.view),
            "log_key": self.key,
            "checkpoint": self.checkpoint,
            "unavailable": dict(sorted(self.unavailable.items())),
            "images": [_entry(one) for one in self.images],
            "withdrawn": [_entry(one) for one in self.withdrawn],
            "files": [[one.path, one.size, one.sha256] for one in self.files],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def describe(view: View) -> dict[str, Any]:
    """What of a view no entry says."""
    signed = view.signed_list
    by = {"signed_list": signed.email} if isinstance(signed, SignedList) else {}
    return {
        "name": view.name,
        "title": view.title,
        "description": view.description,
        "site": view.site,
        "site_title": view.site_title,
        "url": view.base,
        "updated": format_time(view.updated),
        "options": dict(view.options),
        **by,
    }


def parse_index(data: bytes) -> Index:
    """Read the index of a copy.

    Raises:
        CopyError: it is none.
    """
    try:
        told = json.loads(data)
        if told["format"] != FORMAT:
            raise ValueError
        return Index(
            view={name: told["view"][name] for name in (*_VIEW, *_MAY_BE.intersection(told["view"]))},
            images=tuple(map(_parse_entry, told["images"])),
            withdrawn=tuple(map(_parse_entry, told["withdrawn"])),
            files=tuple(
                CopiedFile(_path(path), int(size), str(digest)) for path, size, digest in told["files"]
            ),
            unavailable={str(name): str(why) for name, why in told["unavailable"].items()},
            key=None if told["log_key"] is None else str(told["log_key"]),
            checkpoint=None if told["checkpoint"] is None else str(told["checkpoint"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CopyError(f"{INDEX} is not the index of a copy of a view") from None


_VIEW: Final = ("name", "title", "description", "site", "site_title", "url", "updated", "options")
#: There where the HEPiX list is the one that an endorser signed.
_MAY_BE: Final = frozenset({"signed_list"})


def receipt_path(entry_id: str) -> str:
    """Where a copy has the receipt of an entry."""
    return f"{RECEIPTS}{entry_id}.txt"


def _entry(one: CopiedEntry) -> dict[str, Any]:
    return {"id": one.entry_id, "accepted_at": format_time(one.accepted_at), "private": one.private}


def _parse_entry(value: Any) -> CopiedEntry:
    if not isinstance(value["private"], bool):
        raise ValueError
    return CopiedEntry(str(value["id"]), parse_time(value["accepted_at"]), value["private"])


def _path(text: Any) -> str:
    """A path that leads nowhere else.

    Raises:
        ValueError: it is none.
    """
    parts = str(text).split("/")
    if not all(parts) or any(one in (".", "..") for one in parts) or "\\" in str(text) or "\0" in str(text):
        raise ValueError
    return str(text)
