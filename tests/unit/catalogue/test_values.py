"""Counting the values of facets: entry by entry where there are few, else by the sets of the values."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from pyroaring import BitMap

from marketplace.catalogue.facts import SPELLED, Facts
from marketplace.catalogue.values import Values
from marketplace.facets import Facet
from marketplace.models.current import FOREVER
from marketplace.rules.columns import Column


def facts(key: int, **values: tuple[str, ...]) -> Facts:
    spelled = tuple(values.get(facet.name.lower(), ()) for facet in SPELLED)
    return Facts(
        key, 1, "strong", key, f"image{key}", "jane@example.org", key, False, FOREVER, "", 0, spelled
    )


@pytest.fixture
def values() -> Values:
    chance = random.Random(5)
    made = Values()
    loaded = [
        facts(
            key,
            os=(chance.choice(("Debian", "DEBIAN", "Ubuntu ", "\u00dcbuntu")),),
            tag=tuple(chance.choice("abcdefghij") for _ in range(key % 4)),
        )
        for key in range(1, 300)
    ]
    made.arrange(made.put(loaded))
    return made


@pytest.mark.parametrize("facet", [Facet.OS, Facet.TAG, Facet.KIND])
def test_both_ways_of_counting_say_the_same(values: Values, facet: Facet) -> None:
    among = BitMap(range(20, 220))
    sets = {value: len(held & among) for value, held in values.values(facet).items()}
    assert values.count_each(facet, among) == {value: count for value, count in sets.items() if count}


def test_an_entry_counts_once_for_a_value_however_often_it_says_so(values: Values) -> None:
    among = BitMap(range(1, 300))
    once = Counter(tag for key in among for tag in set(values.items.spelled(Facet.TAG, key)))
    assert values.count_each(Facet.TAG, among) == once
    assert set(values.count_each(Facet.OS, BitMap(range(1, 9)))) == {"debian", "ubuntu"}


@pytest.mark.parametrize("word", ["u", "\u00fcbuntu", "ubuntu", "debian", "x", "buntu"])
def test_a_word_in_a_column_is_looked_for_in_each_spelling(values: Values, word: str) -> None:
    among = BitMap(range(20, 220))
    holding = BitMap(key for key in among if word in values.items.spelled(Facet.OS, key)[0].casefold())
    assert values.find(Column.OS, word, among) == (holding, BitMap())
    assert values.find(Column.KIND, word, among) == (BitMap(), BitMap())
