"""List queries: what is refused, and what can be asked."""

from __future__ import annotations

import pytest

from marketplace.entries import Column, EntryQuery, EntryQueryError
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
        EntryQuery(now=NOW, **fields)
    assert caught.value.code == "query.refused"


def test_the_same_word_many_times_is_one_word() -> None:
    assert EntryQuery(now=NOW, search="Ab aB " * 1000).words() == ("ab",)


def test_only_spaces_separate_words() -> None:
    assert EntryQuery(now=NOW, search="  a\tb  c\u00a0d ").words() == ("a\tb", "c\u00a0d")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\x1f"])
def test_what_no_document_holds_cannot_occur(text: str) -> None:
    assert not can_occur(text)
