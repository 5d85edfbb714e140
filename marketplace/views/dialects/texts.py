"""Texts of entries, which anybody wrote, in lists that programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, Final
from xml.sax.saxutils import escape

_LONGEST = 1000
#: Writes JSON on one line, with all characters as they are, and in ASCII.
plain: Final = json.JSONEncoder(ensure_ascii=False).encode
ascii_only: Final = json.JSONEncoder().encode


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A text as one line of printable characters.

    Args:
        longest: characters at most.
    """
    words = " ".join(text.split())
    shown = words if words.isprintable() else "".join(c if c.isprintable() else " " for c in words)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def quoted(text: str) -> str:
    """A text between quotation marks, as JSON writes it, which is YAML too."""
    return encode_basestring(text)


def json_text(value: Any, levels: int, encode: Callable[[Any], str] = plain) -> str:
    """A value as JSON.

    The library takes five times as long to indent, so that inner values stand on one line.

    Args:
        value: what ``json`` writes; outer objects have texts for keys.
        levels: outer objects and lists whose members stand on lines of their own.
        encode: writes the rest.
    """
    if not levels or not value or not isinstance(value, dict | list):
        return encode(value)
    inner = levels - 1
    if isinstance(value, dict):
        members = (f"{encode(name)}: {json_text(one, inner, encode)}" for name, one in value.items())
        return "{\n" + ",\n".join(members) + "\n}"
    return "[\n" + ",\n".join(json_text(one, inner, encode) for one in value) + "\n]"


def xml_text(text: str) -> str:
    """A text for XML 1.0; characters that it cannot hold are spaces."""
    shown = "".join(c if c.isprintable() or c in "\t\n" else " " for c in text)
    return escape(shown, {'"': "&quot;"})
