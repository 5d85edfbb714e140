"""Leaves: one spelling, bounded, and nothing else is one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.tlog.errors import LeafError
from marketplace.tlog.leaf import MAX_LEAF, EntryLeaf, EpochLeaf, UnknownLeaf, parse_leaf

ID = "ab" * 32
LEAF = EntryLeaf(ID, 3915, "mp-a.example/public", 0, 1_795_378_928)


def test_the_spelling_is_the_contracts():
    assert LEAF.to_bytes() == (
        b'{"id":"' + ID.encode() + b'","n":3915,"o":"mp-a.example/public","q":0,"t":1795378928,"v":1}'
    )


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**53 - 1))
def test_leaves_read_back(size, sequence, time):
    entry = EntryLeaf(ID, size, "mp-a.example:8080/g/00ff", sequence, time)
    epoch = EpochLeaf("mp-a.example/public", sequence, bytes(32), time)
    assert parse_leaf(entry.to_bytes()) == entry
    assert parse_leaf(epoch.to_bytes()) == epoch


def test_a_leaf_of_another_version_keeps_its_bytes_and_has_no_meaning():
    assert parse_leaf(b'{"v":2,"anything":[]}') == UnknownLeaf(2)


TEXT = LEAF.to_bytes().decode()


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "1", '{"v":true}', '{"v":-1}', '{"v":1.0}', '{"v":"1"}', '{"v":1}',
     TEXT.replace(":1}", ": 1}"), TEXT + "\n", "\ufeff" + TEXT, TEXT.replace('"n":3915,', ""),
     TEXT.replace("3915", "-1"), TEXT.replace("3915", "3915.0"), TEXT.replace("3915", "true"),
     TEXT.replace("3915", str(2**53)), TEXT.replace("3915", "1" * 5000), TEXT.replace("ab", "AB"),
     TEXT.replace(ID, ID[:-1]), TEXT.replace(ID, ID + "\\n"), TEXT.replace("mp-a", "mp a"),
     TEXT.replace("mp-a", "mp\\u002da"), TEXT.replace("public", ""), TEXT.replace('"v":1', '"v":1,"x":2'),
     TEXT.replace('"n":3915', '"n":3915,"n":3915'), TEXT.replace(f'"id":"{ID}",', ""),
     "[" * 1000, "x" * (MAX_LEAF + 1), TEXT.replace("mp-a", "a" * 300)],
)  # fmt: skip
def test_other_spellings_are_refused(text):
    with pytest.raises(LeafError):
        parse_leaf(text.encode())


@given(st.binary(max_size=100))
def test_no_bytes_end_in_anything_but_a_leaf_or_a_refusal(data):
    with suppress(LeafError):  # the one error that may come
        parse_leaf(data)
