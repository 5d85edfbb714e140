"""Proves a metadata entry: bytes in, a verified value or a precise refusal out."""

from validators.pipeline import accept

__all__ = ["accept"]
