"""The identifier: 27 characters that name an image by its content.

It is the image's SHA-1 read as a 160-bit number and written in base 64, most
significant digit first (FORMAT, Words). That pads at the front, where base64url
of the 20 bytes pads at the end, so the standard library's codec does not fit.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import NAMESPACE_URL, uuid5

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
LENGTH = 27

# One more zero digit in front makes 28 digits, which are 21 whole bytes: there base64url agrees.
_ALIGNED_BYTES = 21
# 27 digits hold 162 bits and a SHA-1 has 160, so the first digit carries only four.
_SHAPE = re.compile(r"[A-P][A-Za-z0-9_-]{26}")
# Signers in use drop leading zeros of a SHA-1, or write too many of them.
_SHA1_HEX = re.compile(r"0*[0-9a-fA-F]{1,40}")


def is_identifier(text: str) -> bool:
    """Whether the text has the shape of an identifier; every text that does names exactly one SHA-1."""
    return _SHAPE.fullmatch(text) is not None


def identifier_from_sha1(hex_digits: str) -> str:
    """Write a SHA-1 as an identifier.

    Args:
        hex_digits: ASCII hexadecimal, either case; leading zeros may lack or be repeated.

    Raises:
        ValueError: the text is no SHA-1 in hexadecimal.
    """
    if _SHA1_HEX.fullmatch(hex_digits) is None:
        raise ValueError("a SHA-1 is 1 to 40 significant hexadecimal digits")
    aligned = int(hex_digits, 16).to_bytes(_ALIGNED_BYTES, "big")
    return urlsafe_b64encode(aligned)[1:].decode("ascii")


def sha1_from_identifier(identifier: str) -> int:
    """The SHA-1, as a number below 2**160, that an identifier stands for.

    Raises:
        ValueError: the text is no identifier.
    """
    if not is_identifier(identifier):
        raise ValueError("an identifier is 27 characters of A-Z a-z 0-9 - _, the first one A-P")
    return int.from_bytes(urlsafe_b64decode(ALPHABET[0] + identifier), "big")


def stable_id(endorser: str, name: str) -> str:
    """A UUID that stays the same over the versions of an image, for software that knows images by one.

    Args:
        endorser: the e-mail address.
        name: a tag that the versions share, or the identifier of the only one.
    """
    return str(uuid5(NAMESPACE_URL, f"marketplace:{endorser}/{name}"))
