"""List queries: what is refused, what counts as the same, and what the index of words is asked."""

from __future__ import annotations

import dataclasses

import pytest

from marketplace.entries import Column, Direction, EntryQuery, EntryQueryError, StatusFilter
from marketplace.entries.filters import MAX_TRIGRAMS, trigrams
from marketplace.entries.query import MAX_WORDS, can_occur
from tests.factories.entries import moment

NOW = moment(0)


@pytest.mark.parametrize(
    "fields",
    [
        {"offset": -1},
        {"limit": -1},
        {"offset": 10**30},
        {"limit": 10**30},
        {"search": " ".join(map(str, range(MAX_WORDS + 1)))},
        {"columns": ((Column.OS, " ".join(map(str, range(MAX_WORDS + 1)))),)},
        {"columns": ((Column.TITLE, "x"),)},
    ],
)
def test_queries_that_no_list_answers_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(EntryQueryError) as caught:
        EntryQuery(now=NOW, **fields)  # type: ignore[arg-type]  # the test names the fields
    assert caught.value.code == "query.refused"


def test_the_same_word_many_times_is_one_word() -> None:
    assert EntryQuery(now=NOW, search="Ab aB " * 1000).words() == ("ab",)


def test_only_spaces_separate_words() -> None:
    assert EntryQuery(now=NOW, search="  a\tb  c\u00a0d ").words() == ("a\tb", "c\u00a0d")


def test_order_window_and_time_do_not_change_a_count() -> None:
    query = EntryQuery(
        now=NOW, search="b A", sort=Column.OS, direction=Direction.ASCENDING, offset=5, limit=3
    )
    same = EntryQuery(now=moment(99), search="a  B a", columns=((Column.OS, "  "),))
    assert query.counted() == same.counted()
    for change in ({"search": "b"}, {"status": StatusFilter.ALL}, {"email": "x"}, {"tag": "x"}):
        assert dataclasses.replace(query, **change).counted() != query.counted()


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\x1f"])
def test_what_no_document_holds_cannot_occur(text: str) -> None:
    assert not can_occur(text)
    assert trigrams(EntryQuery(now=NOW, search=f"word {text}")) is None


def test_trigrams_quote_everything() -> None:
    assert trigrams(EntryQuery(now=NOW, search='A"B* ab', columns=((Column.OS, "xyz"),))) == (
        '"a""b" AND """b*" AND "xyz"'
    )
    assert trigrams(EntryQuery(now=NOW, search="ab c")) is None
    long = trigrams(EntryQuery(now=NOW, search="".join(map(chr, range(0x4E00, 0x5E00)))))
    assert long is not None and long.count(" AND ") == MAX_TRIGRAMS - 1
