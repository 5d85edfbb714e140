"""Holds what was measured of an image against what is endorsed. Nothing here reads a byte."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from marketplace.images import MeasuredImage, find_compression, verify_safe
from marketplace.images.errors import UnsafeImageError
from marketplace.images.inspection import Inspector
from marketplace.sites.state import Copy
from validators.document import AcceptedEntry

#: Bytes of an image's beginning that tell whether a qcow2, raw or iso image is safe.
HEAD = 64 << 10
#: Formats by the names that entries give them.
_SAME_FORMAT = {"img": "raw", "vpc": "vhd", "qcow": "qcow2", "": "raw"}


def format_name(claimed: str | None) -> str:
    """A format's name as the inspector gives it."""
    name = (claimed or "").strip().lower()
    return _SAME_FORMAT.get(name, name)


def find_difference(entry: AcceptedEntry, copy: Copy, measured: MeasuredImage) -> str | None:
    """How the bytes differ from what is endorsed: size, every digest that was made, and the one that
    names the copy."""
    if measured.size != copy.size:
        return f"has {measured.size} bytes, endorsed are {copy.size}"
    # The strongest comes first: it is what the reason names.
    for checksum in sorted(entry.metadata.checksums, key=lambda one: -len(one.value)):
        found, value = measured.digests.get(checksum.algorithm), checksum.value.lower()
        if found is None:  # a store that fetched by itself has made one digest only
            continue
        if checksum.algorithm == "SHA-1":
            value = value.lstrip("0").rjust(40, "0")
        if found != value:
            return f"has the {checksum.algorithm} {found[:16]}…, endorsed is {value[:16]}…"
    kind, _, value = copy.digest.partition(":")
    found = {name.lower().replace("-", ""): digest for name, digest in measured.digests.items()}.get(kind, "")
    return None if found == value else f"has the {kind} {found[:16]}…, endorsed is {value[:16]}…"


def find_danger(entry: AcceptedEntry, measured: MeasuredImage) -> str | None:
    """Why no machine should open the image: its format, or what its header asks for."""
    found, claimed = measured.inspection, format_name(entry.metadata.format)
    if entry.metadata.format and found.format != claimed:
        return f"is {found.format or 'several formats at once'}, endorsed is {claimed}"
    try:
        verify_safe(found)
    except UnsafeImageError as error:
        return str(error)
    return None


def algorithms_of(entry: AcceptedEntry) -> list[str]:
    """The digests that have to be made of an image: every one that its entry names."""
    return list(dict.fromkeys(["SHA-1", *(one.algorithm for one in entry.metadata.checksums)]))


def measure_start(pieces: Iterable[bytes], size: int) -> MeasuredImage:
    """What the first ``HEAD`` bytes tell of an image of that size; no digest is made.

    Raises:
        whatever reading raises.
    """
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= HEAD:
            break
    inspector = Inspector()
    inspector.update(start[:HEAD])
    found = inspector.finish()
    if found.format in ("raw", "iso") and found.virtual_size is not None:
        found = replace(found, virtual_size=size)
    return MeasuredImage(size, {}, "", found, find_compression(start), len(start))
