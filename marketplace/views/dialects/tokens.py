"""Texts that clients hand back to go on where they stopped: nobody alters them or uses them elsewhere."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from typing import Final

#: Characters of the longest one that is read.
_LONGEST: Final = 2000
_PROOF: Final = 16


def write_token(key: bytes, parts: Sequence[str]) -> str:
    """A text that a URL holds without escapes.

    Args:
        key: of the view.
    """
    told = json.dumps(list(parts), separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_proof(key, told) + told).decode().rstrip("=")


def read_token(key: bytes, text: str) -> Sequence[str] | None:
    """The parts; None where no view with this key wrote the text."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        proof, told = data[:_PROOF], data[_PROOF:]
        if not hmac.compare_digest(_proof(key, told), proof):
            return None
        parts = json.loads(told)
    except (ValueError, RecursionError, binascii.Error):
        return None
    if not isinstance(parts, list) or not all(isinstance(one, str) for one in parts):
        return None
    # Base64 has several spellings of the same bytes.
    return tuple(parts) if write_token(key, parts) == text else None


def _proof(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:_PROOF]
