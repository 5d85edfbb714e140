"""A copy of a view in files: what its index says, and how all of it is proved offline. No server in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import VerifierKey, parse_verifier_key
from marketplace.tlog.proof import verify_proof
from marketplace.views.dialects import DIALECTS
from marketplace.views.errors import CopyError, DialectUnavailableError
from marketplace.views.imaging import image_of
from marketplace.views.value import Signing, SmimeSigner, View, ViewImage, entry_path
from validators import accept
from validators.document import format_time
from validators.errors import RefusedError
from validators.times import parse_time

#: The index of a copy, written last.
INDEX: Final = "index.json"
FORMAT: Final = "marketplace-copy/1"
#: Bytes of an index, and of any other file, that are read.
MAX_INDEX, MAX_FILE = 256 << 20, 512 << 20
#: Documents that are signed as a whole: their signatures are proved by whoever reads them.
_SIGNED: Final = ("hepix/image.list", ".sjson")


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
    """What a copy has.

    Args:
        view: what of the view no entry says.
        unavailable: why a document is not in the copy, by its path.
        key: of the log that the receipts are of; None where there are none.
    """

    view: Mapping[str, Any]
    images: tuple[CopiedEntry, ...]
    withdrawn: tuple[CopiedEntry, ...]
    files: tuple[CopiedFile, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    def to_bytes(self) -> bytes:
        """The index as a file; the same for the same copy."""
        told = {
            "format": FORMAT,
            "view": dict(self.view),
            "log_key": self.key,
            "unavailable": dict(sorted(self.unavailable.items())),
            "images": [_entry(one) for one in self.images],
            "withdrawn": [_entry(one) for one in self.withdrawn],
            "files": [[one.path, one.size, one.sha256] for one in self.files],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def describe(view: View) -> dict[str, Any]:
    """What of a view no entry says."""
    return {
        "name": view.name,
        "title": view.title,
        "description": view.description,
        "site": view.site,
        "site_title": view.site_title,
        "url": view.base,
        "updated": format_time(view.updated),
        "options": dict(view.options),
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
            view={name: told["view"][name] for name in _VIEW},
            images=tuple(map(_parse_entry, told["images"])),
            withdrawn=tuple(map(_parse_entry, told["withdrawn"])),
            files=tuple(
                CopiedFile(_path(path), int(size), str(digest)) for path, size, digest in told["files"]
            ),
            unavailable={str(name): str(why) for name, why in told["unavailable"].items()},
            key=None if told["log_key"] is None else str(told["log_key"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CopyError(f"{INDEX} is not the index of a copy of a view") from None


_VIEW: Final = ("name", "title", "description", "site", "site_title", "url", "updated", "options")


def verify_copy(index: Index, read: Callable[[str], bytes], key: VerifierKey | None) -> Iterator[str]:
    """Prove a copy: each file, each signature, each receipt, and that each list says what the entries say.

    Args:
        read: the bytes of a file by its path.
        key: of the log, from somewhere else than the copy; None takes the one that the copy names.

    Returns:
        each thing that is wrong, as a sentence; none where the copy is proved.

    Raises:
        OSError: a file cannot be read.
    """
    files = {one.path: one for one in index.files}
    damaged: set[str] = set()
    bodies: dict[str, bytes] = {}
    for one in index.files:
        data = read(one.path)
        if len(data) != one.size or hashlib.sha256(data).hexdigest() != one.sha256:
            damaged.add(one.path)
            yield f"{one.path}: differs from the index"
        elif one.path.startswith("entries/"):
            bodies[one.path] = data
    images, faults = _images(index.images, bodies, damaged)
    withdrawn, more = _images(index.withdrawn, bodies, damaged)
    yield from (*faults, *more)
    if not (faults or more or damaged):
        yield from _verify_documents(_view(index, images, withdrawn), files, read)
    yield from _verify_receipts(index, files, read, key)


def _images(
    entries: tuple[CopiedEntry, ...], bodies: Mapping[str, bytes], damaged: set[str]
) -> tuple[tuple[ViewImage, ...], list[str]]:
    found, faults = [], []
    for one in entries:
        path = entry_path(one.entry_id)
        if path in damaged:
            continue
        try:
            entry = accept(bodies[path])
        except KeyError:
            faults.append(f"{path}: is not in the copy")
            continue
        except RefusedError as error:
            faults.append(f"{path}: is not a signed entry: {error}")
            continue
        if entry.entry_id != one.entry_id:
            faults.append(f"{path}: is the entry {entry.entry_id}")
            continue
        found.append(image_of(one.entry_id, entry.data, one.accepted_at, private=one.private))
    return tuple(found), faults


def _view(index: Index, images: tuple[ViewImage, ...], withdrawn: tuple[ViewImage, ...]) -> View:
    told = index.view
    return View(
        name=told["name"],
        title=told["title"],
        description=told["description"],
        site=told["site"],
        base=told["url"],
        site_title=told["site_title"],
        updated=parse_time(told["updated"]),
        images=images,
        withdrawn=withdrawn,
        options=told["options"],
        copied=True,
    )


def _verify_documents(
    view: View, files: Mapping[str, CopiedFile], read: Callable[[str], bytes]
) -> Iterator[str]:
    """Write each document anew from the entries, and compare."""
    for dialect in DIALECTS:
        for document in dialect.files(view):
            if document.path not in files:
                continue
            data = read(document.path)
            try:
                if document.path.endswith(_SIGNED):
                    same = dialect.write(_unsigned(view, data), document.path) in data
                else:
                    same = dialect.write(view, document.path) == data
            except DialectUnavailableError as error:
                yield f"{document.path}: {error}"
                continue
            if not same:
                yield f"{document.path}: does not match the entries"


def _unsigned(view: View, data: bytes) -> View:
    """The view with keys that sign nothing, so that the text of a signed document can be compared."""
    return replace(view, signing=Signing(_named_signer(data), lambda text, at: text.rstrip(b"\n")))


def _named_signer(data: bytes) -> SmimeSigner | str:
    """Who a HEPiX list says has signed it: its reader compares that with the certificate."""
    text = data[data.find(b"{") : data.rfind(b"}") + 1]
    try:
        told = json.loads(text)["hv:imagelist"]
        named = told["hv:endorser"]["hv:x509"]
        expires = parse_time(told["dc:date:expires"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the message has no list in it"
    return SmimeSigner(
        named["hv:dn"], named["hv:ca"], named["dc:creator"], named["hv:email"], expires, lambda text: text
    )


def _verify_receipts(
    index: Index, files: Mapping[str, CopiedFile], read: Callable[[str], bytes], key: VerifierKey | None
) -> Iterator[str]:
    receipts = [path for path in files if path.startswith("log/")]
    try:
        own = key or (None if index.key is None else parse_verifier_key(index.key))
    except TlogError as error:
        yield f"{INDEX}: the key of the log cannot be used: {error}"
        return
    if receipts and own is None:
        yield "log/: there are receipts but no key to verify them with"
        return
    for path in receipts:
        assert own is not None  # noqa: S101  # seen above
        try:
            proven = verify_proof(read(path), own)
        except TlogError as error:
            yield f"{path}: {error}"
            continue
        if path != receipt_path(proven.leaf.entry_id):
            yield f"{path}: is the receipt of {proven.leaf.entry_id}"


def receipt_path(entry_id: str) -> str:
    """Where a copy has the receipt of an entry."""
    return f"log/{entry_id}.txt"


def _entry(one: CopiedEntry) -> dict[str, Any]:
    return {"id": one.entry_id, "accepted_at": format_time(one.accepted_at), "private": one.private}


def _parse_entry(told: Any) -> CopiedEntry:
    if not isinstance(told["private"], bool):
        raise ValueError
    return CopiedEntry(str(told["id"]), parse_time(told["accepted_at"]), told["private"])


def _path(text: Any) -> str:
    """A path that leads nowhere else.

    Raises:
        ValueError: it is none.
    """
    parts = str(text).split("/")
    if not all(parts) or any(one in (".", "..") for one in parts) or "\\" in str(text) or "\0" in str(text):
        raise ValueError
    return str(text)
