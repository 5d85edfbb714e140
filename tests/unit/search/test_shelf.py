"""Counting the values of facets: entry by entry where there are few, else by the sets of the values."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from pyroaring import BitMap

from marketplace.models.current import FOREVER
from marketplace.search.facts import SPELLED, Facet, Facts
from marketplace.search.shelf import Shelf


def facts(key: int, **values: tuple[str, ...]) -> Facts:
    spelled = tuple(values.get(facet.name.lower(), ()) for facet in SPELLED)
    return Facts(
        key, 1, "strong", key, f"image{key}", "jane@example.org", key, False, FOREVER, "", 0, spelled
    )


@pytest.fixture
def shelf() -> Shelf:
    chance = random.Random(5)
    made = Shelf({})
    made.put(
        [
            facts(
                key,
                os=(chance.choice(("Debian", "DEBIAN", "Ubuntu ", "\u00dcbuntu")),),
                tag=tuple(chance.choice("abcdefghij") for _ in range(key % 4)),
            )
            for key in range(1, 300)
        ]
    )
    return made


@pytest.mark.parametrize("facet", [Facet.OS, Facet.TAG, Facet.KIND])
def test_both_ways_of_counting_say_the_same(shelf: Shelf, facet: Facet) -> None:
    among = BitMap(range(20, 220))
    sets = {value: len(held & among) for value, held in shelf.values(facet, 0).items()}
    assert shelf.count_each(facet, among) == {value: count for value, count in sets.items() if count}


def test_an_entry_counts_once_for_a_value_however_often_it_says_so(shelf: Shelf) -> None:
    among = BitMap(range(1, 300))
    once = Counter(tag for key in among for tag in set(shelf.items[key].spelled[SPELLED.index(Facet.TAG)]))
    assert shelf.count_each(Facet.TAG, among) == once
    assert set(shelf.count_each(Facet.OS, BitMap(range(1, 9)))) == {"debian", "ubuntu"}
