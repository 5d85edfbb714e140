"""Times for people: one form on pages, in mails and in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from marketplace.moments import exact, for_people, relative, written_for_people

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(days=3, hours=2), "in 3 days"),
        (timedelta(hours=-1), "1 hour ago"),
        (timedelta(minutes=-2), "2 minutes ago"),
        (timedelta(seconds=30), "just now"),
        (timedelta(days=31), "in 1 month"),
        (timedelta(days=-364), "12 months ago"),
        (timedelta(days=365), None),
        (timedelta(days=-4000), None),
    ],
)
def test_how_far_away_a_moment_is(away: timedelta, said: str | None) -> None:
    assert relative(NOW + away, NOW) == said


def test_both_are_told() -> None:
    assert for_people(NOW + timedelta(days=3), NOW) == "in 3 days (2026-12-02 10:00 UTC)"
    assert for_people(NOW + timedelta(days=800), NOW) == "2029-02-06 10:00 UTC"


def test_a_moment_of_elsewhere_is_told_in_utc() -> None:
    assert exact(datetime(2026, 12, 2, 1, 30, tzinfo=timezone(timedelta(hours=3)))) == "2026-12-01 22:30 UTC"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-12-02T10:00:00Z", "in 3 days (2026-12-02 10:00 UTC)"),
        ("2026-12-02T10:00:00.25+00:00", "in 3 days (2026-12-02 10:00 UTC)"),
        ("id/a@example.org/2026-12-02T10:00:00Z", "id/a@example.org/2026-12-02T10:00:00Z"),
        ("2026-02-31T10:00:00Z", "2026-02-31T10:00:00Z"),
        ("2026-12-02", "2026-12-02"),
    ],
)
def test_only_a_text_that_is_a_time_is_said_in_another_way(text: str, said: str) -> None:
    assert written_for_people(text, NOW) == said
