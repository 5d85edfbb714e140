"""The timeline of an image as a picture: where every bar, mark and label stands. Nothing is drawn here.

A lane for each endorser. Within it, each entry is a mark at its creation, and a
bar for as long as it was what the endorser said and valid; where it had
expired, or withdrew the image, the lane shows that until the endorser's next
entry. Across all lanes, a line for now.

Places along the time axis are percentages of the picture's width, so that it
fits a phone and a wide screen without its text being scaled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from marketplace.entries import EntryRow
from marketplace.models.base import to_seconds
from marketplace.moments import exact

from .display import cut, day, month, plural

#: Lanes, and marks over all of them, that a picture can show; the table beside it has the rest.
MOST_LANES, MOST_MARKS = 20, 300

#: Heights in CSS pixels.
LANE, HEAD, FOOT = 52, 26, 6

_DAY = 86_400
#: Room in front of the first mark and behind the last, as a part of the time between them.
_BEFORE, _AFTER = 0.04, 0.12
#: The picture ends here at the latest, as a part of the time from the first mark to now: an entry that is
#: valid for a century must not squeeze the past into nothing.
_FUTURE = 0.45
_LONGEST_LABEL = 38
_TICKS = 5
#: Months between two ticks.
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000, 12_000, 60_000)


class SpanKind(StrEnum):
    """What a part of a lane stands for."""

    VALID = "valid"
    EXPIRED = "expired"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True)
class LaneSpan:
    """A part of a lane; ``start`` and ``width`` in percent."""

    kind: SpanKind
    start: float
    width: float
    title: str
    open_ended: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry in a lane; ``at`` in percent."""

    at: float
    deprecated: bool
    current: bool
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What one endorser said; ``top`` in pixels."""

    email: str
    label: str
    top: int
    spans: tuple[LaneSpan, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across all lanes with a date; ``at`` in percent."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole timeline.

    Args:
        height: in pixels.
        now: in percent.
        left_out: entries that the picture has no room for.
        description: the picture in words.
    """

    height: int
    now: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    left_out: int
    description: str


def lay_out(rows: Sequence[EntryRow], now: datetime) -> Picture | None:
    """Place a timeline; None where it has no entries.

    Args:
        rows: every entry about one image.
        now: where the line for now stands.
    """
    shown = sorted(rows, key=EntryRow.rank)[-MOST_MARKS:]
    trusted = {(row.email, row.key_digest) for row in shown if row.trusted}
    by_endorser: dict[tuple[str, str], list[EntryRow]] = {}
    for row in shown:
        # Keys that the site trusts for an address speak as one; each of the others has a lane of its own.
        key = "" if (row.email, row.key_digest) in trusted else row.key_digest
        by_endorser.setdefault((row.email, key), []).append(row)
    # Who spoke last comes first, as in every other list.
    said = sorted(by_endorser.values(), key=lambda entries: entries[-1].rank(), reverse=True)[:MOST_LANES]
    if not said:
        return None
    scale = _scale(said, to_seconds(now))
    several = Counter(entries[0].email for entries in said)
    lanes = tuple(
        _lane(entries, number, scale, shown, several=several[entries[0].email] > 1)
        for number, entries in enumerate(said)
    )
    drawn = sum(len(entries) for entries in said)
    return Picture(
        height=HEAD + LANE * len(lanes) + FOOT,
        now=scale.at(to_seconds(now)),
        lanes=lanes,
        ticks=_ticks(scale),
        left_out=len(rows) - drawn,
        description=_description(said, now),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds since 1970 to percent."""

    first: int
    last: int

    def at(self, seconds: float) -> float:
        inside = min(max(seconds, self.first), self.last)
        return round(100 * (inside - self.first) / (self.last - self.first), 2)


def _scale(lanes: Sequence[Sequence[EntryRow]], now: int) -> _Scale:
    created = [to_seconds(row.created) for entries in lanes for row in entries]
    begin, end = min(created), max(now, *created)
    length = max(end - begin, 30 * _DAY)
    ends = [to_seconds(entries[-1].valid) for entries in lanes if entries[-1].valid is not None]
    latest = min(max([end, *ends]), end + int(length * _FUTURE))
    return _Scale(begin - int(length * _BEFORE), latest + int(length * _AFTER))


def _lane(
    entries: Sequence[EntryRow], number: int, scale: _Scale, rows: Sequence[EntryRow], *, several: bool
) -> Lane:
    """A lane.

    Args:
        rows: the entries of all lanes, by precedence.
        several: other lanes have its address too.
    """
    spans: list[LaneSpan] = []
    marks: list[Mark] = []
    for row in entries:
        following = _following(row, rows)
        end = None if following is None else to_seconds(following.created)
        spans += _spans(row, end, scale)
        marks.append(_mark(row, following is None, scale))
    newest = entries[-1]
    label = f"{cut(newest.email, _LONGEST_LABEL)} · {plural(len(entries), 'entry', 'entries')}"
    if several:
        label += f" · key {newest.key_digest[:8]}"
    return Lane(newest.email, label, HEAD + LANE * number, tuple(spans), tuple(marks))


def _following(row: EntryRow, rows: Sequence[EntryRow]) -> EntryRow | None:
    """The entry that supersedes one first."""
    later = rows[bisect_right(rows, row.rank(), key=EntryRow.rank) :]
    return next(
        (
            one
            for one in later
            if one.email == row.email and (one.trusted or one.key_digest == row.key_digest)
        ),
        None,
    )


def _spans(row: EntryRow, end: int | None, scale: _Scale) -> list[LaneSpan]:
    """The spans of time from each entry to the endorser's next one, or without an end."""
    start = to_seconds(row.created)
    if row.deprecated is not None:
        return [_span(SpanKind.DEPRECATED, start, end, scale, f"Deprecated since {day(row.created)}")]
    if row.valid is None:
        return [_span(SpanKind.VALID, start, end, scale, f"Valid from {day(row.created)}, no expiry date")]
    valid = max(start, to_seconds(row.valid))
    limit = valid if end is None else min(valid, end)
    title = f"Valid from {day(row.created)} until {day(row.valid)}"
    spans = [_span(SpanKind.VALID, start, limit, scale, title)]
    if end is None or end > valid:
        spans.append(_span(SpanKind.EXPIRED, valid, end, scale, f"Expired since {day(row.valid)}"))
    return [span for span in spans if span.width]


def _span(kind: SpanKind, start: int, end: int | None, scale: _Scale, title: str) -> LaneSpan:
    left, right = scale.at(start), scale.at(scale.last if end is None else end)
    beyond = end is None or end > scale.last
    return LaneSpan(kind, left, round(right - left, 2), title, open_ended=beyond)


def _mark(row: EntryRow, current: bool, scale: _Scale) -> Mark:
    said = "deprecated" if row.deprecated is not None else "endorsed"
    title = f"{cut(row.email)} {said} this image on {exact(row.created)}"
    return Mark(scale.at(to_seconds(row.created)), row.deprecated is not None, current, title)


def _ticks(scale: _Scale) -> tuple[Tick, ...]:
    """Months or years, as many as there is room for on a phone."""
    length = (scale.last - scale.first) / _DAY / 30.44
    step = next((months for months in _STEPS if length / months <= _TICKS), _STEPS[-1])
    begin, end = _month_of(scale.first), _month_of(scale.last)
    ticks = []
    for number in range(begin - begin % step + step, end + 1, step):
        moment = _first_of(number)
        if moment is None:
            continue
        label = f"{moment.year}" if step % 12 == 0 else month(moment)
        ticks.append(Tick(scale.at(to_seconds(moment)), label))
    return tuple(tick for tick in ticks if 6 < tick.at < 92)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _month_of(seconds: int) -> int:
    """Months since year 0, as near as ticks need; entries may name any year from 1 to 9999."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return 12 if seconds < 0 else 12 * 9999 + 11
    return 12 * moment.year + moment.month - 1


def _first_of(number: int) -> datetime | None:
    year, index = divmod(number, 12)
    return datetime(year, index + 1, 1, tzinfo=UTC) if 1 <= year <= 9999 else None


def _description(lanes: Sequence[Sequence[EntryRow]], now: datetime) -> str:
    parts = []
    for entries in lanes:
        newest = entries[-1]
        status = newest.status(now).value
        parts.append(
            f"{cut(newest.email)}: {plural(len(entries), 'entry', 'entries')} "
            f"from {day(entries[0].created)}, the latest of {day(newest.created)}, now {status}"
        )
    return "; ".join(parts) + "."
