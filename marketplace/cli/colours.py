"""Colour for the words of a verdict, on terminals only; the word itself always stands there.

Nothing is coloured in pipes and files, where ``NO_COLOR`` is set (no-color.org) or ``TERM`` is ``dumb``.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Literal

import click

Colour = Literal["green", "yellow", "red"]

#: Columns and fields whose values say how something stands.
_TOLD = frozenset(
    {"allowed", "level", "ok", "outcome", "reachable", "standing", "state", "status", "trust", "valid"}
)
_WORDS: dict[str, Colour] = {
    **dict.fromkeys(
        (
            "active", "available", "chained", "listed", "passed", "sent", "tailing", "there", "trusted",
            "uploaded", "valid", "verified", "yes",
        ),
        "green",
    ),
    **dict.fromkeys(
        (
            "advice", "backoff", "expired", "filling", "noted", "pending", "revocation-unknown",
            "self-signed", "silent", "superseded", "untrusted-issuer", "waiting", "wanted", "withdrawing",
        ),
        "yellow",
    ),
    **dict.fromkeys(
        (
            "answered-otherwise", "dead", "deprecated", "error", "failed", "frozen", "no", "quarantined",
            "refused", "revoked", "withdrawn",
        ),
        "red",
    ),
}  # fmt: skip


def coloured(text: str, colour: Colour, stream: IO[str] | None = None) -> str:
    """A text in a colour, where the stream (standard output) is a terminal that shows one."""
    return click.style(text, fg=colour) if _shows_colour(stream or sys.stdout) else text


def yes_or_no(text: str, good: bool) -> str:
    """A text that says yes or no: green or red."""
    return coloured(text, "green" if good else "red")


def cell(name: str, text: str) -> str:
    """The value of a column or field: in colour if it says how something stands, else as it is.

    Args:
        name: of the column.
        text: may end in blanks.
    """
    colour = _WORDS.get(text.strip()) if name in _TOLD else None
    return text if colour is None else coloured(text, colour)


def word(text: str) -> str:
    """A word of a verdict in its colour; any other word as it is."""
    colour = _WORDS.get(text.strip())
    return text if colour is None else coloured(text, colour)


def _shows_colour(stream: IO[str]) -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()
