"""Times: one spelling, real seconds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from validators.document import format_time
from validators.times import parse_time

SECONDS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)).map(  # noqa: DTZ001 # hypothesis takes naive bounds
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(SECONDS)
def test_every_second_is_read_as_it_is_written(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment


@given(st.text(max_size=25))
@example("2024-05-01T12:00:00Z")
def test_nothing_else_is_read(text: str) -> None:
    try:
        moment = parse_time(text)
    except ValueError:
        return
    assert format_time(moment) == text


@given(SECONDS, st.integers(0, 20), st.sampled_from(" \n\t\u0660\uff10+-:0Tz\u200b"))
def test_nothing_can_be_put_in(moment: datetime, place: int, character: str) -> None:
    text = format_time(moment)
    with pytest.raises(ValueError):  # parse_time raises nothing more special
        parse_time(text[:place] + character + text[place:])
