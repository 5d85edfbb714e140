"""The best of many entries by sets: the same as scoring and sorting them one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.search.engine import Equals
from marketplace.search.equals import Weighed, best, score_of

KEYS = range(1, 41)


def word(field: str, lengths: dict[int, int], scores: dict[int, float]) -> Weighed:
    """A word that adds a score to each entry; entries of one length and score are one set."""
    added: dict[int, dict[float, BitMap]] = {}
    for key, score in scores.items():
        added.setdefault(lengths[key], {}).setdefault(score, BitMap()).add(key)
    return Weighed(field, {length: list(sets.items()) for length, sets in added.items()})


@st.composite
def words(draw: st.DrawFn) -> list[Weighed]:
    """Some words of two fields, each in every entry; lengths are those of the entries' fields."""
    each = st.fixed_dictionaries(dict.fromkeys(KEYS, st.sampled_from([0.1, 0.3, 1.0, 1.7, 2.5])))
    lengths = st.fixed_dictionaries(dict.fromkeys(KEYS, st.integers(1, 3)))
    fields = {"anywhere": draw(lengths), "title": draw(lengths)}
    names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4))
    return [word(name, fields[name], draw(each)) for name in names]


def one_by_one(among: BitMap, weighed: list[Weighed]) -> list[Equals]:
    """Every entry, best first."""
    found: dict[float, BitMap] = {}
    for key in among:
        found.setdefault(score_of(key, weighed), BitMap()).add(key)
    return [Equals(score, found[score]) for score in sorted(found, reverse=True)]


@given(words(), st.sets(st.sampled_from(KEYS)), st.integers(1, 45))
def test_pages_are_those_of_scoring_each_entry(weighed: list[Weighed], keys: set[int], limit: int) -> None:
    among = BitMap(keys)
    whole = one_by_one(among, weighed)
    for number in range(len(whole) + 1):
        last = whole[number - 1].score if number else None
        page = best(among, weighed, limit, last, lambda: None)
        begin = max(0, number - 1)
        assert page == whole[begin : begin + len(page)]
        new = [len(equals.keys) for equals in page if equals.score != last]
        assert sum(new) >= limit or begin + len(page) == len(whole)
        assert sum(new[:-1]) < limit
    assert among == BitMap(keys)


def test_a_page_may_begin_between_two_scores() -> None:
    weighed = [word("anywhere", dict.fromkeys(KEYS, 1), {key: float(key % 4) for key in KEYS})]
    (found,) = best(BitMap(KEYS) - BitMap([20]), weighed, 3, 1.5, lambda: None)
    assert found == Equals(1.0, BitMap(range(1, 41, 4)))


def test_sets_that_cannot_get_onto_the_page_are_not_split_any_more() -> None:
    lengths = dict.fromkeys(KEYS, 1)
    weighed = [
        word("anywhere", lengths, {key: float(key) for key in KEYS}),
        word("anywhere", lengths, {key: key % 2 / 10 for key in KEYS}),
    ]
    looked = []
    found = best(BitMap(KEYS), weighed, 2, None, lambda: looked.append(1))
    assert [list(equals.keys) for equals in found] == [[40], [39]]
    assert len(looked) < 6


def test_looking_at_the_clock_can_end_it() -> None:
    def late() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        best(BitMap(KEYS), [word("title", dict.fromkeys(KEYS, 1), dict.fromkeys(KEYS, 1.0))], 2, None, late)
