"""Texts of entries, which anybody wrote, in lists that programs read."""

from __future__ import annotations

_LONGEST = 1000


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A text as one line of printable characters.

    Args:
        longest: characters at most.
    """
    words = " ".join(text.split())
    shown = words if words.isprintable() else "".join(c if c.isprintable() else " " for c in words)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
