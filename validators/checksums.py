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
from validators.identifier import identifier_from_sha1, is_identifier, sha1_from_identifier

SHA1: Final = "SHA-1"

# Signers in use wrote SHA-1 as a number, so it may lack leading zeros or have too many.
_VALUES: Final = {
    "MD5": re.compile(r"[0-9A-Fa-f]{32}"),
    SHA1: re.compile(r"0*[0-9A-Fa-f]{1,40}"),
    "SHA-256": re.compile(r"[0-9A-Fa-f]{64}"),
    "SHA-384": re.compile(r"[0-9A-Fa-f]{96}"),
    "SHA-512": re.compile(r"[0-9A-Fa-f]{128}"),
}


#: Hex digits of each algorithm that the format has.
DIGITS: Final = {"MD5": 32, SHA1: 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}

_TYPED: Final = re.compile(
    r"(?:(?P<name>[A-Za-z]{2,3}[-_]?[0-9]{1,3})(?:\s*[:=]\s*|\s+))?(?P<value>[0-9A-Fa-f]{32,128})"
)


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


def find_stated(algorithm: str, value: str) -> Checksum | None:
    """One checksum of an entry; None for an empty value of another algorithm than SHA-1.

    A client in use writes an empty value where it computed nothing: it counts as absent
    and vouches for nothing.

    Raises:
        ChecksumAlgorithmError, ChecksumValueError: as ``parse_checksum`` does.
    """
    if not value and algorithm in _VALUES and algorithm != SHA1:
        return None
    return parse_checksum(algorithm, value)


def canonical(checksum: Checksum) -> Checksum:
    """The checksum in the one spelling that checksums are compared in: small hex digits, all of them.

    Args:
        checksum: as an accepted entry states it.
    """
    digits = DIGITS[checksum.algorithm]
    return Checksum(checksum.algorithm, checksum.value.lower().lstrip("0").rjust(digits, "0"))


def find_checksum(text: str) -> Checksum | None:
    """A typed checksum in canonical form; None where the text is not a checksum.

    That is hex digits of either case, alone (their number tells the algorithm) or behind
    the algorithm's name (``sha256:``, ``SHA-512=``, ``md5 ``), or an identifier.
    """
    typed = text.strip()
    if is_identifier(typed):
        return Checksum(SHA1, f"{sha1_from_identifier(typed):040x}")
    match = _TYPED.fullmatch(typed)
    if match is None:
        return None
    value = match["value"].lower()
    algorithm = next((name for name, digits in DIGITS.items() if digits == len(value)), None)
    named = match["name"]
    if algorithm is None or (named and _plain(named) != _plain(algorithm)):
        return None
    return Checksum(algorithm, value)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def verify_sha1(checksums: Iterable[Checksum], identifier: str) -> Checksum:
    """The one SHA-1 checksum, which equals the identifier as a number.

    Raises:
        Sha1CountError: there is none, or more than one.
        Sha1IdentifierError: it is another image's.
    """
    found = [checksum for checksum in checksums if checksum.algorithm == SHA1]
    if len(found) != 1:
        raise Sha1CountError("slreq:checksum", f"{len(found)} with SHA-1", "exactly one with SHA-1")
    if identifier_from_sha1(found[0].value) != identifier:
        expected = f"the SHA-1 that {identifier} stands for"
        raise Sha1IdentifierError("slreq:value", found[0].value, expected)
    return found[0]
