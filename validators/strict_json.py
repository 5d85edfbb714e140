"""JSON that every parser reads alike."""

from __future__ import annotations

import json
from typing import Any


def parse_strictly(data: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ValueError: it is none, has NaN or endless numbers, or an object has a member twice.
        RecursionError: it is nested too deep.
    """
    return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree about which of two counts: somebody in front may have looked at the other one.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
