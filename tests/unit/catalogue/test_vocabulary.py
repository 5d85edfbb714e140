"""Slips of the keyboard lead back to words that exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.vocabulary import Vocabulary, distance

_WORDS = st.text(alphabet="abc", max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("ubuntu", "ubuntu", 0),
        ("ubunut", "ubuntu", 1),
        ("ubutu", "ubuntu", 1),
        ("ubunntu", "ubuntu", 1),
        ("ubumtu", "ubuntu", 1),
        ("ca", "abc", 3),
        ("", "ab", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_the_distance_is_the_number_of_slips(one: str, other: str, slips: int) -> None:
    assert distance(one, other, 5) == distance(other, one, 5) == slips
    assert distance(one, other, 1) == min(slips, 2)


@given(_WORDS, _WORDS)
def test_a_bounded_distance_is_the_distance_or_one_over_the_bound(one: str, other: str) -> None:
    whole = distance(one, other, 20)
    for most in range(3):
        assert distance(one, other, most) == min(whole, most + 1)


def test_the_nearest_and_then_the_commonest_word_is_suggested() -> None:
    vocabulary = Vocabulary()
    vocabulary.add(["ubuntu", "ubuntu", "server", "serves", "serves", "debian", "123456", "ab"])
    assert vocabulary.similar("ubunut", 3) == [(1, "ubuntu")]
    assert vocabulary.similar("serveq", 3) == [(1, "serves"), (1, "server")]
    assert vocabulary.similar("xyzzyx", 3) == []
    assert "ubuntu" in vocabulary
    assert "123456" not in vocabulary
