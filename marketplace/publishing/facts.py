"""The facts of an image: what ``describe`` writes and ``publish --from-json`` reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marketplace.images import MeasuredImage
from validators.checksums import parse_checksum
from validators.coded_error import CodedError
from validators.errors import RefusedError
from validators.identifier import identifier_from_sha1
from validators.lxd import DISK_FORMAT, Fingerprint

#: Bytes that a file of facts may have.
MOST_FACTS: Final = 65_536
#: Bytes from which a disk is worth a remark.
_LARGE_DISK: Final = 1 << 40
_MOST_NOTES: Final = 10
_MOST_NOTE: Final = 200
_BYTES_LIMIT: Final = 2**63
_WORD: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


class FactsError(CodedError, code="publishing.facts"):
    """A file of facts does not hold what it should; the message names the member."""


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image's content.

    Attributes:
        identifier: of the image, by its SHA-1.
        size: bytes, uncompressed.
        checksums: algorithm as the format writes it -> lower-case hexadecimal, of the uncompressed bytes.
        format: of the image; None where nothing in the content tells.
        virtual_size: bytes of the disk that a machine sees; None where that cannot be told.
        compression: of the file that was read; None where it is not compressed.
        stored_size: bytes of that file.
        notes: what is worth knowing, a sentence each.
        lxd_fingerprint: of a disk for LXD and Incus; None where it was not asked for.
    """

    identifier: str
    size: int
    checksums: Mapping[str, str]
    format: str | None = None
    virtual_size: int | None = None
    compression: str | None = None
    stored_size: int | None = None
    notes: tuple[str, ...] = ()
    lxd_fingerprint: Fingerprint | None = None

    @classmethod
    def of(cls, measured: MeasuredImage, lxd: str | None = None) -> ImageFacts:
        """The facts that a pass over the image found.

        Args:
            lxd: architecture of the metadata archive that the combined digest begins with.

        Raises:
            FactsError: it is no disk that LXD takes.
        """
        found = measured.inspection
        if lxd is not None and (found.format != DISK_FORMAT or not found.recognised):
            raise FactsError(f"--lxd is for {DISK_FORMAT} disks: LXD and Incus take no other format")
        notes = found.notes
        if not found.recognised and not notes:
            notes = (
                "nothing in the content tells its format: if it is a raw disk, say so with --format raw",
            )
        if found.virtual_size is not None and found.virtual_size >= _LARGE_DISK:
            notes += (
                f"the image claims to be a disk of {found.virtual_size >> 40} TiB: many sites refuse such",
            )
        return cls(
            identifier=measured.identifier,
            size=measured.size,
            checksums=measured.digests,
            format=found.format if found.recognised else None,
            virtual_size=found.virtual_size if found.recognised else None,
            compression=measured.compression.value if measured.compression else None,
            stored_size=measured.stored_size,
            notes=notes,
            lxd_fingerprint=Fingerprint(lxd, measured.combined) if lxd and measured.combined else None,
        )

    def record(self) -> dict[str, Any]:
        """The facts as members for JSON and YAML."""
        told = None if self.lxd_fingerprint is None else str(self.lxd_fingerprint)
        return {
            "identifier": self.identifier,
            "bytes": self.size,
            "checksums": dict(self.checksums),
            "format": self.format,
            "virtual_size": self.virtual_size,
            "compression": self.compression,
            "stored_bytes": self.stored_size,
            "notes": list(self.notes),
        } | ({} if told is None else {"lxd_fingerprint": told})


def parse_facts(data: bytes) -> ImageFacts:
    """Read what ``describe -o json`` wrote, or what a build made in the same form.

    Only ``bytes`` and ``checksums`` with a SHA-1 are needed; an identifier is compared with the SHA-1.

    Raises:
        FactsError: naming the member that is wrong.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise FactsError("is not JSON") from None
    if not isinstance(told, dict):
        raise FactsError("is not a JSON object")
    return read_facts(told)


def read_facts(members: Mapping[str, object]) -> ImageFacts:
    """The facts in an object with the members that ``describe -o json`` writes.

    Raises:
        FactsError: naming the member that is wrong.
    """
    sums = _checksums(members.get("checksums"))
    if "SHA-1" not in sums:
        raise FactsError("'checksums' has no SHA-1: the identifier of an image is computed from it")
    identifier = identifier_from_sha1(sums["SHA-1"])
    if members.get("identifier") not in (None, identifier):
        raise FactsError(f"'identifier' is not {identifier}, which its SHA-1 stands for")
    size = _size(members, "bytes")
    if size is None:
        raise FactsError("'bytes' is missing: the size of the image")
    return ImageFacts(
        identifier=identifier,
        size=size,
        checksums=sums,
        format=_text(members, "format"),
        virtual_size=_size(members, "virtual_size"),
        compression=_text(members, "compression"),
        stored_size=_size(members, "stored_bytes"),
        notes=_notes(members.get("notes")),
        lxd_fingerprint=_fingerprint(members.get("lxd_fingerprint")),
    )


def _size(members: Mapping[str, object], name: str) -> int | None:
    size = members.get(name)
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size < _BYTES_LIMIT:
        raise FactsError(f"'{name}' is {str(size)[:40]!r}, not a number of bytes")
    return size


def _text(members: Mapping[str, object], name: str) -> str | None:
    text = members.get(name)
    if text is None or (isinstance(text, str) and _WORD.fullmatch(text)):
        return text
    raise FactsError(f"'{name}' is {str(text)[:40]!r}, not a word such as qcow2")


def _fingerprint(value: object) -> Fingerprint | None:
    if value is None:
        return None
    found = Fingerprint.parse(value) if isinstance(value, str) else None
    if found is None:
        raise FactsError(f"'lxd_fingerprint' is {str(value)[:40]!r}, not ARCHITECTURE:SHA-256")
    return found


def _notes(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(note, str) for note in value):
        raise FactsError("'notes' is not a list of sentences")
    return tuple(note[:_MOST_NOTE] for note in value[:_MOST_NOTES])


def _checksums(given: object) -> dict[str, str]:
    if not isinstance(given, dict) or not given:
        raise FactsError('\'checksums\' is not an object such as {"SHA-1": "…", "SHA-512": "…"}')
    found = {}
    for algorithm, value in given.items():
        try:
            found[algorithm] = parse_checksum(
                algorithm, value if isinstance(value, str) else ""
            ).value.lower()
        except RefusedError as error:
            raise FactsError(f"'checksums': {error.message}") from None
    return found
