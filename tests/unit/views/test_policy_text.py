"""Policies are shown as TOML that is read as the same policy."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.views.policy_text import write_policy

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(-(2**60), 2**60), st.lists(TEXTS, max_size=3))
TABLES = st.dictionaries(TEXTS, PLAIN, max_size=3)
POLICIES = st.dictionaries(
    TEXTS, st.one_of(PLAIN, TABLES, st.lists(TABLES, min_size=1, max_size=2)), max_size=4
)


@given(POLICIES)
def test_what_is_written_is_read_as_the_same(policy: dict) -> None:
    assert tomllib.loads(write_policy(policy)) == policy


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({}, ""),
        (
            {"endorsers": {"allow": ["*@example.org"]}, "deprecation": "counted"},
            'deprecation = "counted"\n\n[endorsers]\nallow = ["*@example.org"]\n',
        ),
        ({"require": [{"by": "a@b"}, {}]}, '[[require]]\nby = "a@b"\n\n[[require]]\n'),
    ],
)
def test_it_is_laid_out_for_people(policy: dict, text: str) -> None:
    assert write_policy(policy) == text
