"""What every full-text engine does alike: the order of what is found, and pages of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pyroaring import BitMap

from marketplace.search.engine import (
    CurrentKeys,
    SearchIndex,
)
from marketplace.search.words import parse_words
from tests.contract.search_documents import best, document, everything, index, library, put
from tests.contract.search_engines import engine

__all__ = ["engine", "index", "library"]


def rank(index: SearchIndex, typed: str, among: BitMap | None = None) -> list[int]:
    """All that fits, best first, the highest key first among what fits equally well."""
    query = parse_words(typed)
    assert query is not None
    matches = index.match(query, everything())
    sets = matches.best(matches.keys if among is None else among, 1000)
    return [key for equals in sets for key in reversed(equals.keys)]


def test_a_title_weighs_more_than_a_description(index: SearchIndex) -> None:
    put(
        index,
        document(1, title="something else", description="a kernel is in this one, among other things"),
        document(2, title="kernel image", description="something else is in this one, among other things"),
        *(document(key, title="no", description="nothing of that here") for key in range(3, 12)),
    )
    first, second = best(index, "kernel")
    assert (first.keys, second.keys) == (BitMap([2]), BitMap([1]))
    assert first.score > second.score


def test_ranking_is_among_the_given_entries_only(library: SearchIndex) -> None:
    everything = rank(library, "nowhere")
    some = BitMap([2, 4, 7])
    assert rank(library, "nowhere", some) == [key for key in everything if key in some]


@pytest.mark.parametrize("typed", ["common", "comm*", "-absent", '"common word"', "common word*"])
def test_pages_of_a_ranking_join_without_gap_or_repeat(index: SearchIndex, typed: str) -> None:
    texts = ("common word", "a common word again", "common word common word", "words and a common word here")
    put(index, *(document(key, description=texts[key % 4], title="t" * (key % 3)) for key in range(1, 40)))
    whole = best(index, typed, 100)
    assert sum(len(equals.keys) for equals in whole) == len(rank(index, typed)) == 39
    assert all(before.score > after.score for before, after in pairwise(whole))
    assert all(equals.keys for equals in whole)
    for number, equals in enumerate(whole):
        # The set in which the page before ended is there again, and of those below enough for a page.
        page = best(index, typed, 7, equals.score)
        assert page == whole[number:][: len(page)]
        assert sum(len(one.keys) for one in page[1:]) >= 7 or page[-1] == whole[-1]


def test_a_page_holds_no_more_sets_than_it_needs(index: SearchIndex) -> None:
    put(index, *(document(key, description=f"word {'more ' * key}") for key in range(1, 30)))
    assert len(best(index, "word", 3)) == len(best(index, "word", 2, best(index, "word", 1)[0].score)) == 3


def test_pages_go_on_where_they_were_while_other_entries_arrive(index: SearchIndex) -> None:
    query = parse_words("word")
    assert query is not None
    put(index, *(document(key, description=f"common {'word ' * (key % 5 + 1)}") for key in range(1, 30)))
    *_, last = best(index, "word", 10)
    put(index, *(document(key, title="unrelated " * 5) for key in range(100, 140)), sequence=2)
    matches = index.match(query, everything())
    scores = {matches.score_of(key) for key in last.keys}
    assert len(scores) == 1
    (now,) = scores
    assert best(index, "word", 100, last.score if now is None else now)[0].keys == last.keys
    assert matches.score_of(999) is None


def test_what_is_known_of_words_goes_on_when_entries_come_and_go(index: SearchIndex) -> None:
    def found(typed: str, keys: set[int], since: object) -> set[int]:
        query = parse_words(typed)
        assert query is not None
        return set(index.match(query, CurrentKeys(BitMap(keys), since)).keys) & keys

    first, later = "first state", "later state"
    put(index, document(1, title="word"), document(2, title="other"))
    assert (found("word", {1, 2}, first), found("-word", {1, 2}, first)) == ({1}, {2})
    # The catalogue has them before the index does.
    assert (found("word", {1, 2, 3, 4}, first), found("-word", {1, 2, 3, 4}, first)) == ({1}, {2})
    put(index, document(3, title="a word"), document(4, title="another"), sequence=2)
    assert (found("word", {1, 2, 3, 4}, first), found("-word", {1, 2, 3, 4}, first)) == ({1, 3}, {2, 4})
    assert found("word a", {1, 2, 3, 4}, first) == {3}
    put(index, forget=(1,), sequence=3)
    assert (found("word", {2, 3, 4}, first), found("-word", {2, 3, 4}, first)) == ({3}, {2, 4})
    # What went comes back, and not all at once.
    assert (found("word", {1, 2, 3, 4}, later), found("-word", {1, 2, 3, 4}, later)) == ({3}, {2, 4})
    put(index, document(1, title="word"), sequence=4)
    assert (found("word", {1, 2, 3, 4}, later), found("-word", {1, 2, 3, 4}, later)) == ({1, 3}, {2, 4})


@pytest.mark.parametrize("score", [1e308, 5.0, 0.0, -1e308, float("inf"), float("-inf")])
def test_a_page_may_begin_anywhere(library: SearchIndex, score: float) -> None:
    """A cursor comes back from outside with any score."""
    everything = best(library, "nowhere", 100)
    assert best(library, "nowhere", 100, score) == [one for one in everything if one.score <= score]
