"""Proves a copy of a view offline: that it is whole, and that each of its lists says what its entries say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import VerifierKey, parse_verifier_key
from marketplace.tlog.proof import ProvenEntry, verify_proof
from marketplace.views.copy import (
    INDEX,
    MAX_FILE,
    MAX_INDEX,
    RECEIPTS,
    CopiedEntry,
    CopiedFile,
    Index,
    parse_index,
    receipt_path,
)
from marketplace.views.copy_head import HEAD, MAX_HEAD, CopyHead, LogPosition, describe_index, verify_head
from marketplace.views.dialects import DIALECTS
from marketplace.views.dialects.hepix import HEPIX_LIST
from marketplace.views.entry_image import image_of
from marketplace.views.errors import CopyError, DialectUnavailableError, ListRefusedError
from marketplace.views.list_text import find_fault, read_list, to_signed_list
from marketplace.views.pages import write_pages
from marketplace.views.value import ENTRIES, SignedList, Signing, SmimeSigner, View, ViewImage, entry_path
from validators import accept
from validators.document import format_time
from validators.errors import RefusedError
from validators.times import parse_time

#: Documents that are signed as a whole: their signatures are proved by whoever reads them.
_SIGNED: Final = (HEPIX_LIST, ".sjson")

#: The bytes of a file by its path, so many at most.
Read = Callable[[str, int], bytes]


@dataclass(frozen=True)
class IndexedCopy:
    """A copy whose index was read.

    Args:
        head: what the site signed of it; None where nothing was signed, or the signature does not hold.
        key: that proves it; None for a copy of a site without keys.
        faults: why the index is not believed.
    """

    index: Index
    head: CopyHead | None
    key: VerifierKey | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyDemand:
    """What a copy has to be beside proved.

    Args:
        view: its name; None: any.
        since: when it was made at the earliest; None: at any time.
        files: paths of the files that lie there; None where nobody can tell.
    """

    view: str | None = None
    since: datetime | None = None
    files: frozenset[str] | None = None


def open_copy(read: Read, key: VerifierKey | None) -> IndexedCopy:
    """Read the index of a copy, and prove that the site signed it.

    Args:
        read: raises ``FileNotFoundError`` for what is not there.
        key: of the site, from somewhere else than the copy; None takes the one that the copy names.

    Raises:
        CopyError: there is no copy.
        OSError: it cannot be read.
    """
    try:
        data = read(INDEX, MAX_INDEX)
    except FileNotFoundError:
        raise CopyError(f"there is no {INDEX}") from None
    index = parse_index(data)
    try:
        own = key or (None if index.key is None else parse_verifier_key(index.key))
        return IndexedCopy(index, _head(data, index, read, own), own)
    except TlogError as error:
        return IndexedCopy(index, None, None, (f"{INDEX}: the key of the site cannot be used: {error}",))
    except CopyError as error:
        return IndexedCopy(index, None, own, (str(error),))


def _head(data: bytes, index: Index, read: Read, key: VerifierKey | None) -> CopyHead | None:
    """What the site signed; None for a copy of a site without keys.

    Raises:
        CopyError: the signature is missing, or of something else.
    """
    try:
        note = read(HEAD, MAX_HEAD)
    except FileNotFoundError:
        if key is None:
            return None
        raise CopyError(f"{HEAD} is not there: nobody vouches that nothing was left out") from None
    if key is None:
        raise CopyError(f"{INDEX} names no key that {HEAD} could be proved with")
    head = verify_head(note, key)
    if head.index != describe_index(data):
        raise CopyError(f"{INDEX} is not the one that the site signed in {HEAD}")
    if head.view != index.view["name"]:
        raise CopyError(f"{INDEX} is of another view than {HEAD}")
    return head


def find_faults(copy: IndexedCopy, read: Read, wanted: CopyDemand) -> Iterator[str]:
    """Prove a copy: each file, each signature, each receipt, and that each list says what the entries say.

    Returns:
        each thing that is wrong, as a sentence; none where the copy is proved.

    Raises:
        OSError: a file that is there cannot be read.
    """
    index = copy.index
    yield from copy.faults
    yield from _other(copy, wanted)
    broken: set[str] = set()
    bodies: dict[str, bytes] = {}
    for one in index.files:
        fault = _damage(one, read, bodies)
        if fault is not None:
            broken.add(one.path)
            yield f"{one.path}: {fault}"
    images, faults = _images(index.images, bodies, broken)
    withdrawn, more = _images(index.withdrawn, bodies, broken)
    yield from (*faults, *more)
    named = {entry_path(one.entry_id) for one in (*index.images, *index.withdrawn)}
    yield from (f"{path}: is not an entry of the view" for path in sorted(bodies.keys() - named))
    view = _view(index, images, withdrawn)
    if "signed_list" in index.view and HEPIX_LIST not in broken:
        view = replace(view, signed_list=_signed_list(view, str(index.view["signed_list"]), read))
    if isinstance(view.signed_list, str):
        yield f"{HEPIX_LIST}: {view.signed_list}"
    if not (faults or more or broken):
        yield from _verify_documents(view, index, read)
    yield from _verify_receipts(copy, read, broken)
    yield from _unnamed(view, index, wanted.files or ())


def _other(copy: IndexedCopy, wanted: CopyDemand) -> Iterator[str]:
    """Whether it is the copy that was asked for."""
    name = copy.index.view["name"]
    if wanted.view is not None and name != wanted.view:
        yield f"{INDEX}: is of the view {name}, not of {wanted.view}"
    if wanted.since is not None and not copy.faults:
        if copy.head is None:
            yield f"{INDEX}: is not signed, so that nobody knows when it was made"
        elif copy.head.hour < wanted.since:
            yield f"{HEAD}: the copy is of {format_time(copy.head.hour)}, which is too old"


def _damage(file: CopiedFile, read: Read, bodies: dict[str, bytes]) -> str | None:
    """Why a file is not the one that the index names; entries are kept."""
    try:
        data = read(file.path, MAX_FILE)
    except FileNotFoundError:
        return "is not there"
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        return "differs from the index"
    if file.path.startswith(ENTRIES):
        bodies[file.path] = data
    return None


def _images(
    entries: tuple[CopiedEntry, ...], bodies: Mapping[str, bytes], broken: set[str]
) -> tuple[tuple[ViewImage, ...], list[str]]:
    found, faults = [], []
    for one in entries:
        path = entry_path(one.entry_id)
        if path in broken:
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


def _signed_list(view: View, email: str, read: Read) -> SignedList | str:
    """The list that an endorser signed; a sentence that tells why it does not hold for the entries."""
    try:
        data = read(HEPIX_LIST, MAX_FILE)
        listed = read_list(data)
    except (FileNotFoundError, ListRefusedError) as error:
        return str(error) if isinstance(error, ListRefusedError) else "is not there"
    return find_fault(listed, email, view.images) or to_signed_list(data, listed, email)


def _verify_documents(view: View, index: Index, read: Read) -> Iterator[str]:
    """Write each document and page anew from the entries, and compare."""
    files = {one.path for one in index.files}
    for dialect in DIALECTS:
        for document in dialect.files(view):
            path = document.path
            if path not in files:
                if path not in index.unavailable:
                    yield f"{path}: is not in the copy, and the index gives no reason"
                continue
            data = read(path, MAX_FILE)
            try:
                if path.endswith(_SIGNED) and not (
                    path == HEPIX_LIST and isinstance(view.signed_list, SignedList)
                ):
                    same = dialect.write(_unsigned(view, data), path) in data
                else:
                    same = dialect.write(view, path) == data
            except DialectUnavailableError as error:
                yield f"{path}: {error}"
                continue
            if not same:
                yield f"{path}: does not match the entries"
    for path, written in write_pages(view, index.unavailable):
        if path not in files or read(path, MAX_FILE) != written:
            yield f"{path}: does not match the entries"


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


def _verify_receipts(copy: IndexedCopy, read: Read, broken: set[str]) -> Iterator[str]:
    receipts = [one.path for one in copy.index.files if one.path.startswith(RECEIPTS)]
    if receipts and copy.key is None:
        yield f"{RECEIPTS}: there are receipts but no key to verify them with"
        return
    for path in receipts:
        assert copy.key is not None  # noqa: S101  # seen above
        if path in broken:
            continue
        try:
            proven = verify_proof(read(path, MAX_FILE), copy.key)
        except TlogError as error:
            yield f"{path}: {error}"
            continue
        if path != receipt_path(proven.leaf.entry_id):
            yield f"{path}: is the receipt of {proven.leaf.entry_id}"
        elif copy.head is not None and _position(proven) not in copy.head.logs:
            yield f"{path}: is of another head of the log than the copy"


def _position(proven: ProvenEntry) -> LogPosition:
    head = proven.head.checkpoint
    return LogPosition(head.origin, head.size, head.root.hex())


def _unnamed(view: View, index: Index, present: Iterable[str]) -> Iterator[str]:
    """Files in the copy's folders that its index does not name; others are the operator's."""
    named = {INDEX, HEAD, *(one.path for one in index.files)}
    folders = {one.path.rpartition("/")[0] for one in index.files} - {""}
    documents = {one.path for dialect in DIALECTS for one in dialect.files(view)}
    for path in sorted(present):
        if path not in named and (path in documents or path.rpartition("/")[0] in folders):
            yield f"{path}: is not named in the index"
