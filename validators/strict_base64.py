"""Base64 as the format has it: strict but for white space, one spelling of each value (FORMAT, step 2)."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import Final

_WHITE_SPACE: Final = b" \t\r\n"
#: Characters of the longest certificate that is remembered: 512 of them take less than 4 MiB.
_REMEMBERED: Final = 4_096


def strip_base64(text: str) -> bytes:
    """The digits without the white space between them."""
    return text.encode().translate(None, _WHITE_SPACE)


def parse_base64(text: str) -> bytes:
    """What digits with white space between them stand for.

    Raises:
        ValueError: they stand for nothing; the message says what is expected.
    """
    digits = strip_base64(text)
    try:
        value = binascii.a2b_base64(digits, strict_mode=True)
    except binascii.Error:
        raise ValueError("base64 and white space") from None
    if binascii.b2a_base64(value, newline=False) != digits:
        # Left-over bits in the last digit would let anybody respell the value.
        raise ValueError("base64 with the left-over bits zero")
    return value


def parse_certificate_text(text: str) -> bytes:
    """A certificate from its Base64 text, remembered: a handful of endorsers sign most entries."""
    return _parse_again(text) if len(text) <= _REMEMBERED else parse_base64(text)


_parse_again = lru_cache(maxsize=512)(parse_base64)
