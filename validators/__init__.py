"""Proves a metadata entry: bytes in, a verified value or a precise refusal out.

What proves is imported when it is first asked for: commands that only need the names of refusals or the
checksums of an image start without libraries for certificates and XML.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from validators.pipeline import accept
    from validators.report import examine

__all__ = ["accept", "examine"]

_HOMES = {"accept": "validators.pipeline", "examine": "validators.report"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
