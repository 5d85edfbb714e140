"""Checksums of the image, and how its SHA-1 ties them to the identifier (FORMAT, step 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from validators.document import Checksum
from validators.errors import (
    ChecksumAlgorithmError,
    ChecksumValueError,
    Sha1CountError,
    Sha1IdentifierError,
)
from validators.identifier import identifier_from_sha1

_SHA1: Final = "SHA-1"

# Signers in use wrote SHA-1 as a number, so it may lack leading zeros or have too many.
_VALUES: Final = {
    "MD5": re.compile(r"[0-9A-Fa-f]{32}"),
    _SHA1: re.compile(r"0*[0-9A-Fa-f]{1,40}"),
    "SHA-256": re.compile(r"[0-9A-Fa-f]{64}"),
    "SHA-384": re.compile(r"[0-9A-Fa-f]{96}"),
    "SHA-512": re.compile(r"[0-9A-Fa-f]{128}"),
}


def parse_checksum(algorithm: str, value: str) -> Checksum:
    """Read one checksum.

    Args:
        algorithm: text of slreq:algorithm.
        value: text of slreq:value.

    Raises:
        ChecksumAlgorithmError: the format does not have the algorithm.
        ChecksumValueError: the value is not hexadecimal of the algorithm's length.
    """
    shape = _VALUES.get(algorithm)
    if shape is None:
        raise ChecksumAlgorithmError("slreq:algorithm", algorithm, f"one of {', '.join(_VALUES)}")
    if shape.fullmatch(value) is None:
        expected = f"the hexadecimal digits of {algorithm}, and nothing else"
        raise ChecksumValueError("slreq:value", value, expected)
    return Checksum(algorithm, value)


def verify_sha1(checksums: Iterable[Checksum], identifier: str) -> Checksum:
    """The one SHA-1 checksum, which equals the identifier as a number.

    Raises:
        Sha1CountError: there is none, or more than one.
        Sha1IdentifierError: it is another image's.
    """
    found = [checksum for checksum in checksums if checksum.algorithm == _SHA1]
    if len(found) != 1:
        raise Sha1CountError("slreq:checksum", f"{len(found)} with SHA-1", "exactly one with SHA-1")
    if identifier_from_sha1(found[0].value) != identifier:
        expected = f"the SHA-1 that {identifier} stands for"
        raise Sha1IdentifierError("slreq:value", found[0].value, expected)
    return found[0]
