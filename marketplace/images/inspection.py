"""What kind of disk image a stream is, and whether a machine may open it.

The work is done by a copy of the format inspector of ``oslo.utils``, which OpenStack's
image service uses (docs/adr/0075-sixty-megabytes.md): it keeps a few
kilobytes of a stream that flows by, reads no other file, and names what makes
an image dangerous. What it leaves to its caller is settled here.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from typing import Final

from marketplace._vendor.oslo_utils.imageutils.format_inspector import (
    FileInspector,
    ImageFormatError,
    InspectWrapper,
    SafetyCheckFailed,
)
from marketplace.images.errors import UnsafeImageError

# The library logs what it finds, and so do those who show it: where nobody set up logs, Python would write
# it to standard error, beside the one sentence of a command.
logging.getLogger("marketplace._vendor").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class ImageFault:
    """Why an image must not be opened: a stable code and a clause that follows "the image"."""

    code: str
    clause: str


@dataclass(frozen=True)
class Inspection:
    """What a stream was found to be.

    Attributes:
        format: ``qcow2``, ``vmdk``, ``vdi``, ``vhd``, ``vhdx``, ``iso``, ``luks``, ``qed`` or ``raw``;
            a format of ``UNSUPPORTED`` where the first bytes name one; empty where several were found.
        recognised: False where nothing in the content speaks for its being a disk: ``raw`` is then
            only what is left.
        virtual_size: bytes of the disk that a machine sees; None where it cannot be told.
        faults: why the image must not be opened; empty where it may.
        notes: what else is worth knowing, a sentence each.
    """

    format: str
    recognised: bool
    virtual_size: int | None
    faults: tuple[ImageFault, ...] = ()
    notes: tuple[str, ...] = ()


#: Formats that emulators know, and that nothing here can judge: by their first bytes.
UNSUPPORTED: Final = {
    b"COWD": "vmdk3",
    b"WithoutFreeSpace": "parallels",
    b"WithouFreSpacExt": "parallels",
    b"Bochs Virtual HD Image": "bochs",
    b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop": "cloop",
}
#: First bytes of the formats that are judged: what has them and does not parse is damaged, not raw.
_OWN_MAGIC: Final = {
    b"QFI\xfb": "qcow2",
    b"KDMV": "vmdk",
    b"# Disk DescriptorFile": "vmdk",
    b"QED\x00": "qed",
    b"conectix": "vhd",
    b"vhdxfile": "vhdx",
    b"LUKS\xba\xbe": "luks",
}
_CLAUSES: Final = {
    "backing_file": "names a backing file: opening the image would read another file of the machine",
    "data_file": "keeps its data in another file: opening the image would read a file of the machine",
    "unknown_features": "has an unknown qcow2 version or unknown features",
    "descriptor": "its descriptor is not that of a single-file image: it can name other files",
    "footer": "has a footer that contradicts its header",
    "banned": "is in a format that is not safe to open",
}
# What the inspectors raise over headers that lie about their own length.
_BROKEN_HEADER: Final = (ImageFormatError, AttributeError, KeyError, ValueError, struct.error)
_HYBRID_ISO: Final = frozenset({"iso", "gpt"})
#: Where a tar archive says that it is one, and what it says.
_TAR_AT, _TAR = 257, b"ustar"


class Inspector:
    """Looks at a stream that flows by.

    Blocks but the last must be of the same size, from 256 KiB (what a header may take) to 1 MiB (where
    the next structure of a vhdx begins).
    """

    def __init__(self) -> None:
        self._tap = _Tap()
        self._wrapper = InspectWrapper(self._tap)  # type: ignore[arg-type]  # needs no more of a file than read()
        self._start = b""
        self._size = 0

    def update(self, block: bytes) -> None:
        """Take the next block."""
        if not self._size:
            self._start = block[:512]
        self._size += len(block)
        self._tap.block = block
        self._wrapper.read(len(block))

    def finish(self) -> Inspection:
        """The finding about all blocks together."""
        self._wrapper.close()
        try:
            found = self._wrapper.formats or []
        except _BROKEN_HEADER:
            return self._broken("")
        names = {str(each) for each in found}
        if names == _HYBRID_ISO:  # most installation media can be started from a disk, too
            found = [each for each in found if str(each) == "iso"]
        if len(found) > 1:
            together = " and ".join(sorted(names))
            fault = ImageFault("polyglot", f"is {together} at once: each tool may open it in another format")
            return Inspection("", True, None, (fault,))
        return self._judge(found[0])

    def _judge(self, found: FileInspector) -> Inspection:
        name = str(found)
        if name in ("raw", "gpt"):
            return self._raw(found)
        try:
            size = self._size if name == "iso" else found.virtual_size
            faults = _faults(found)
        except _BROKEN_HEADER:
            return self._broken(name)
        # An inspector that gave up half-way finds nothing wrong, and no size.
        return Inspection(name, True, size, faults) if size or faults else self._broken(name)

    def _raw(self, found: FileInspector) -> Inspection:
        for magic, name in (UNSUPPORTED | _OWN_MAGIC).items():
            if self._start.startswith(magic):
                return self._broken(name)
        if str(found) == "gpt":
            notes = tuple(f"the partition table is unusual: {fault.clause}" for fault in _faults(found))
            return Inspection("raw", True, self._size, notes=notes)
        if self._start[_TAR_AT:].startswith(_TAR):
            return Inspection("raw", False, None, notes=("the content is a tar archive, not a disk",))
        return Inspection("raw", False, self._size)

    def _broken(self, name: str) -> Inspection:
        what = f"the header of {name}" if name else "the beginning of several formats"
        fault = ImageFault("unreadable", f"has {what}, but cannot be read as one safely")
        return Inspection(name, True, None, (fault,))


class _Tap:
    """The source that an ``InspectWrapper`` reads from: the block at hand."""

    block = b""

    def read(self, size: int) -> bytes:
        return self.block


def verify_safe(inspection: Inspection) -> Inspection:
    """Hand the inspection back where a machine may open the image.

    Raises:
        UnsafeImageError: it must not be opened, naming every reason.
    """
    if inspection.faults:
        raise UnsafeImageError("the image " + "; it ".join(fault.clause for fault in inspection.faults))
    return inspection


def _faults(found: FileInspector) -> tuple[ImageFault, ...]:
    try:
        found.safety_check()
    except SafetyCheckFailed as error:
        return tuple(
            ImageFault(name, _CLAUSES.get(name, f"is not safe to open: {reason}"))
            for name, reason in sorted(error.failures.items())
        )
    return ()
