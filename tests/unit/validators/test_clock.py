"""The rules that need a clock and no store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories.entries import accepted, moment
from validators.clock import find_expiry, is_over_at_birth, verify_not_ahead
from validators.errors import CreatedAheadError

NOW = moment(1_000_000)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("said", "at_birth", "words"),
    [
        ({}, False, None),
        ({"valid": NOW}, False, None),
        ({"valid": NOW - MINUTE}, False, None),
        ({"valid": NOW - MINUTE - SECOND}, True, "expires before its creation time"),
        ({"valid": NOW - MINUTE - SECOND, "deprecated": ""}, False, None),
    ],
)
def test_an_entry_that_is_over_before_it_is_made(said, at_birth, words) -> None:
    entry = accepted(created=NOW - MINUTE, **said)
    assert is_over_at_birth(entry) is at_birth
    told = find_expiry(entry, NOW - MINUTE)
    assert told is None if words is None else words in str(told)


def test_an_entry_that_is_over_by_now() -> None:
    entry = accepted(created=NOW - MINUTE, valid=NOW - SECOND)
    assert "the entry has expired: dcterms:valid is" in str(find_expiry(entry, NOW))
    assert find_expiry(accepted(created=NOW, valid=NOW - SECOND, deprecated="x"), NOW) is None


def test_an_entry_may_be_made_five_minutes_ahead() -> None:
    entry = accepted(created=NOW + 5 * MINUTE)
    assert verify_not_ahead(entry, NOW) is entry
    with pytest.raises(CreatedAheadError):
        verify_not_ahead(accepted(created=NOW + 5 * MINUTE + SECOND), NOW)
