"""Badges: short remarks with an explanation."""

from __future__ import annotations

from dataclasses import dataclass

from validators.document import Strength


@dataclass(frozen=True, slots=True)
class Badge:
    """A short remark; ``tone`` is good, bad, warn or plain."""

    text: str
    tone: str
    title: str = ""


def strength_badge(strength: Strength) -> Badge:
    """The badge of a signature's strength."""
    if strength is Strength.STRONG:
        return Badge(
            "strong signature", "good", "RSA of 2048 bits or more, or ECDSA, with SHA-256 or better."
        )
    return Badge("legacy signature", "warn", "SHA-1 or a key of 1024 bits: once usual, weak today.")
