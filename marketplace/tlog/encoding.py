"""Base 64 and decimal numbers in their one spelling: what has two could be signed twice."""

from __future__ import annotations

import base64
import binascii

#: Bytes of a SHA-256.
HASH_SIZE = 32
#: Largest number anything here counts with.
MAX_NUMBER = 2**63 - 1


def encode_base64(data: bytes) -> str:
    """Standard base 64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Read standard base 64, refusing every other spelling of the same bytes.

    Raises:
        ValueError: it is none.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("is not base 64") from None
    if encode_base64(data) != text:
        raise ValueError("is not canonical base 64")
    return data


def decode_hash(text: str) -> bytes:
    """Read a SHA-256 in base 64.

    Raises:
        ValueError: it is none.
    """
    data = decode_base64(text)
    if len(data) != HASH_SIZE:
        raise ValueError(f"has {len(data)} bytes, expected {HASH_SIZE}")
    return data


def parse_decimal(text: str) -> int:
    """Read an ASCII decimal without leading zeros, up to MAX_NUMBER.

    Raises:
        ValueError: it is none.
    """
    # int() would also take signs, underscores, spaces and the digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or (text[0] == "0" and text != "0"):
        raise ValueError("is not a decimal number")
    number = int(text)
    if number > MAX_NUMBER:
        raise ValueError("is too large")
    return number
