"""Times as the format writes them: ``YYYY-MM-DDThh:mm:ssZ``, a real second of UTC (FORMAT, Shape)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SHAPE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


def parse_time(text: str) -> datetime:
    """Read a time; the result is aware, in UTC, with whole seconds.

    Raises:
        ValueError: another spelling, or no second that exists (leap seconds and year 0 included).
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError("a time is written YYYY-MM-DDThh:mm:ssZ")
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
