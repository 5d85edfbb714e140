"""What the request log tells of paths and queries."""

from __future__ import annotations

import pytest

from marketplace.http.execution_policy import _without_addresses
from tests.costs import costing_at_most


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/metadata/ID/jane@example.org/2024", "/metadata/ID/-@example.org/2024"),
        ("q=jane%40example.org&x=joe@example.org;y", "q=-%40example.org&x=-@example.org;y"),
        ("jane@home@example.org", "-@example.org"),
        ("jane%40home@example.org", "-@example.org"),
        ("/plain/path", "/plain/path"),
        ("@", "@"),
        ("no one@example.org", "no -@example.org"),
    ],
)
def test_names_of_mailboxes_are_left_out(text: str, told: str) -> None:
    assert _without_addresses(text) == told


@pytest.mark.parametrize("word", ["a" * 100_000 + " @", "@" * 100_000, "%40" * 40_000, "a@" * 50_000])
def test_long_words_cost_no_square(word: str) -> None:
    with costing_at_most(2):
        _without_addresses(word)
