"""Proves a metadata entry: bytes in, a verified value or a precise refusal out."""

from validators.pipeline import accept
from validators.report import examine

__all__ = ["accept", "examine"]
