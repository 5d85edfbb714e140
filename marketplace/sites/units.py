"""Durations and sizes as people write them: ``24h``, ``400d``, ``20GiB``."""

from __future__ import annotations

import re

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {
    "": 1,
    "B": 1,
    **{f"{prefix}iB": 1024 ** (power + 1) for power, prefix in enumerate("KMGTP")},
    **{f"{prefix}B": 1000 ** (power + 1) for power, prefix in enumerate("KMGTP")},
}
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
#: No duration or size of an operator is larger; a number beyond is a slip.
_MOST = 2**62


def parse_duration(value: object) -> float:
    """Seconds of a duration such as ``90``, ``"10m"``, ``"24h"``, ``"400d"``.

    Raises:
        ValueError: it is none.
    """
    return _parse(value, _SECONDS, "a duration such as 30s, 10m, 24h or 400d")


def parse_size(value: object) -> int:
    """Bytes of a size such as ``1024``, ``"500MB"``, ``"20GiB"``.

    Raises:
        ValueError: it is none.
    """
    return int(_parse(value, _BYTES, "a size such as 500MB or 20GiB"))


def _parse(value: object, units: dict[str, int], what: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number, unit = float(value), ""
    else:
        match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        if match is None or match[2] not in units:
            raise ValueError(f"must be {what}")
        number, unit = float(match[1]), match[2]
    found = number * units[unit]
    if not 0 <= found <= _MOST:
        raise ValueError(f"must be {what}, and not beyond bounds")
    return found


def show_size(size: int) -> str:
    """A number of bytes for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
