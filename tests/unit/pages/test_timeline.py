"""Where the parts of a timeline stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from marketplace.entries import EntryRow
from marketplace.pages.timeline import HEAD, LANE, MOST_LANES, MOST_MARKS, Picture, SpanKind, lay_out
from validators.document import Strength

NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def row(email: str = "a@example.org", age: int = 100, **changes: object) -> EntryRow:
    """An entry made ``age`` days ago."""
    fields: dict[str, object] = dict.fromkeys(EntryRow.__slots__)
    fields |= {
        "key": 1,
        "entry_id": f"{age:064x}",
        "identifier": "A" * 27,
        "email": email,
        "created": NOW - age * DAY,
        "size": 1,
        "strength": Strength.STRONG,
        "conflicting": False,
        "key_digest": "k",
        "bound": False,
        "confirmed": False,
    }
    return EntryRow(**fields | changes)


def drawn(*rows: EntryRow, now: datetime = NOW) -> Picture:
    picture = lay_out(rows, now)
    assert picture is not None
    return picture


def kinds(picture: Picture, lane: int = 0) -> list[SpanKind]:
    return [span.kind for span in picture.lanes[lane].spans]


def test_no_entries_make_no_picture():
    assert lay_out([], NOW) is None


def test_an_entry_without_an_end_is_valid_to_the_edge():
    picture = drawn(row())
    (span,) = picture.lanes[0].spans
    assert span.kind is SpanKind.VALID and span.open_ended
    assert span.start + span.width == pytest.approx(100, abs=0.02)
    assert picture.lanes[0].marks[0].at == span.start < picture.now < 100


def test_an_entry_that_expired_shows_both_times():
    picture = drawn(row(age=100, valid=NOW - 40 * DAY))
    assert kinds(picture) == [SpanKind.VALID, SpanKind.EXPIRED]
    valid, expired = picture.lanes[0].spans
    assert valid.start + valid.width == pytest.approx(expired.start, abs=0.02) and expired.start < picture.now


def test_the_next_entry_ends_what_the_one_before_it_said():
    picture = drawn(row(age=100, valid=NOW + 50 * DAY), row(age=50, valid=NOW + 80 * DAY))
    first, second = picture.lanes[0].spans
    assert first.start + first.width == pytest.approx(second.start, abs=0.02)
    assert [mark.current for mark in picture.lanes[0].marks] == [False, True]


def test_a_gap_between_expiry_and_renewal_is_shown():
    picture = drawn(row(age=100, valid=NOW - 80 * DAY), row(age=50))
    assert kinds(picture) == [SpanKind.VALID, SpanKind.EXPIRED, SpanKind.VALID]


def test_a_deprecation_is_marked_and_holds_from_then_on():
    picture = drawn(row(age=100), row(age=50, deprecated=""))
    assert kinds(picture) == [SpanKind.VALID, SpanKind.DEPRECATED]
    assert [mark.deprecated for mark in picture.lanes[0].marks] == [False, True]
    assert "now deprecated" in picture.description


def test_each_endorser_has_a_lane_and_who_spoke_last_comes_first():
    picture = drawn(row("early@example.org", 90), row("late@example.org", 10), row("early@example.org", 80))
    assert [lane.email for lane in picture.lanes] == ["late@example.org", "early@example.org"]
    assert [lane.top for lane in picture.lanes] == [HEAD, HEAD + LANE]
    assert "2 entries" in picture.lanes[1].label and picture.height > HEAD + 2 * LANE


def test_validity_for_a_century_does_not_squeeze_the_past():
    picture = drawn(row(age=100, valid=NOW + 36_500 * DAY))
    assert picture.lanes[0].marks[0].at < 5 and picture.now > 50
    assert picture.lanes[0].spans[0].open_ended


def test_an_entry_that_is_created_after_its_own_expiry_is_expired_from_the_start():
    assert kinds(drawn(row(age=10, valid=NOW - 20 * DAY))) == [SpanKind.EXPIRED]


@pytest.mark.parametrize(
    "created",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
    ],
)
def test_any_year_that_the_format_allows_has_its_place(created):
    picture = drawn(row(), row("b@example.org", created=created, valid=datetime(9999, 12, 31, tzinfo=UTC)))
    places = [mark.at for lane in picture.lanes for mark in lane.marks] + [tick.at for tick in picture.ticks]
    assert all(0 <= place <= 100 for place in places)
    assert len(picture.ticks) <= 7


@pytest.mark.parametrize("age", [1, 20, 100, 400, 1000, 5000])
def test_dates_stand_apart_and_in_order(age):
    ticks = drawn(row(age=age)).ticks
    assert 1 <= len(ticks) <= 6
    places = [tick.at for tick in ticks]
    assert places == sorted(places) and all(b - a > 9 for a, b in pairwise(places))


def test_of_too_many_entries_the_newest_are_drawn_and_the_rest_counted():
    many = [row(f"{n % 50}@example.org", n + 1) for n in range(MOST_MARKS + 40)]
    picture = drawn(*many)
    assert len(picture.lanes) == MOST_LANES
    assert sum(len(lane.marks) for lane in picture.lanes) + picture.left_out == len(many)


def test_long_addresses_are_cut_in_the_picture():
    assert len(drawn(row("x" * 240 + "@example.org")).lanes[0].label) < 60
