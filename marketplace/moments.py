"""Moments and counts as people read them, on pages, in mails and in tables of commands.

Programs get the times of the metadata format (``validators.document.format_time``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: Seconds of what moments are counted in.
_LENGTHS = ((30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))
_YEAR = 365 * 86_400
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", re.ASCII)


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def relative(moment: datetime, now: datetime) -> str | None:
    """How far a moment is away: ``6 days ago``, ``in 1 month``, ``just now``; None beyond a year."""
    seconds = int((now - moment).total_seconds())
    away = abs(seconds)
    if away < 60:
        return "just now"
    if away >= _YEAR:
        return None
    length, name = next((length, name) for length, name in _LENGTHS if away >= length)
    count = away // length
    span = f"{count} {name}{'' if count == 1 else 's'}"
    return f"{span} ago" if seconds > 0 else f"in {span}"


def exact(moment: datetime) -> str:
    """A moment by date and clock: ``2026-12-02 10:00 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def for_people(moment: datetime, now: datetime) -> str:
    """Both: ``in 3 days (2026-12-02 10:00 UTC)``; the date alone beyond a year."""
    away = relative(moment, now)
    return exact(moment) if away is None else f"{away} ({exact(moment)})"


def written_for_people(text: str, now: datetime) -> str:
    """A time of the metadata format as people read it; any other text as it is."""
    if not _WRITTEN.fullmatch(text):
        return text
    try:
        return for_people(datetime.fromisoformat(text), now)
    except ValueError:  # a publisher's text may have a day that no month has
        return text


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: ``1 copy``, ``2 copies``."""
    return f"{number} {one if number == 1 else several or one + 's'}"
