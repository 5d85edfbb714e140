"""Words in texts: what memory says is what the texts say, however it came to know."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.catalogue.texts import LEADING, MOST_GRAMS, Texts, gather
from marketplace.models.current import SEPARATOR
from marketplace.rules.columns import Column, fold

PIECES = st.text(st.sampled_from("ab c\u00e4"), max_size=8)
MAYBE = st.none() | PIECES
#: Only the e-mail is always there.
LEADINGS = st.tuples(MAYBE, MAYBE, MAYBE, PIECES, MAYBE).map(list)
ROWS = st.lists(st.tuples(LEADINGS, PIECES), max_size=8)
BARE: list[str | None] = [None, None, None, "", None]
WORDS = st.text(st.sampled_from("abc\u00e4"), min_size=1, max_size=6)


def filled(rows: list[tuple[list[str | None], str]], most_held: int = 1000) -> Texts:
    texts = Texts(most_held)
    for key, (leading, rest) in enumerate(rows):
        present = [value for value in leading if value is not None]
        texts.add(key, leading, SEPARATOR.join([*present, rest]))
    return texts


def index(texts: Texts, most: int) -> None:
    some = texts.without_grams(most)
    texts.index([key for key, _ in some], gather(some))


@given(rows=ROWS, words=st.lists(WORDS, max_size=4), most=st.integers(0, 8), gone=st.sets(st.integers(0, 7)))
def test_words_are_found_where_they_stand(
    rows: list[tuple[list[str | None], str]], words: list[str], most: int, gone: set[int]
) -> None:
    texts, everything = filled(rows), BitMap(range(len(rows)))
    index(texts, most)
    for removing in (set(), gone):
        for key in removing & set(everything):
            texts.remove(key)
        there = everything - BitMap(removing)
        for word in words:
            holding = {
                key for key in there if any(word in (value or "") for value in (*rows[key][0], rows[key][1]))
            }
            assert texts.find(None, word, there) == (BitMap(holding), BitMap())
            for place, column in enumerate(LEADING):
                holding = {key for key in there if word in (rows[key][0][place] or "")}
                assert texts.find(column, word, there) == (BitMap(holding), BitMap())


def test_only_what_is_asked_about_is_looked_into() -> None:
    """What a stranger waits for must not grow with what he does not see."""

    seen: list[int] = []

    class Watched(dict[int, str]):
        def __getitem__(self, key: int) -> str:
            seen.append(key)
            return super().__getitem__(key)

    texts = filled([(BARE, "secret")] * 6)
    index(texts, 10)
    texts._texts = Watched(texts._texts)
    found, _ = texts.find(None, "secret", BitMap([1, 3]))
    assert (found, seen) == (BitMap([1, 3]), [1, 3])
    texts.find(None, "secret", BitMap([1, 2, 3]))
    assert seen == [1, 3, 2]


def test_the_database_is_asked_about_what_has_no_room_and_only_once() -> None:
    texts = filled([(BARE, "x" * 30), (BARE, "x" * 90)], most_held=60)
    everything = BitMap([0, 1])
    assert texts.find(None, "xx", everything) == (BitMap([0]), BitMap([1]))
    texts.note(None, "xx", BitMap([1]), BitMap([1]))
    assert texts.find(None, "xx", everything) == (everything, BitMap())
    assert texts.find(Column.OS, "xx", everything) == (BitMap(), BitMap([1]))


@pytest.mark.parametrize("indexed", [0, 2000])
def test_many_are_found_by_their_columns(indexed: int) -> None:
    rows: list[tuple[list[str | None], str]] = [
        (["ubuntu" if n % 2 else "debian", None, None, "a@b", None], "ubuntu" if n % 3 == 0 else "")
        for n in range(1500)
    ]
    texts = filled(rows, 100_000)
    index(texts, indexed)
    found, _ = texts.find(None, "bunt", BitMap(range(1500)))
    assert found == BitMap(n for n in range(1500) if n % 2 or n % 3 == 0)


def test_a_very_long_word_is_compared_to_its_end() -> None:
    long = "".join(map(chr, range(0x4E00, 0x4E00 + 2 * MOST_GRAMS)))
    texts = filled([(BARE, long), (BARE, long[:-1])])
    index(texts, 10)
    assert texts.find(None, long, BitMap([0, 1]))[0] == BitMap([0])


def test_removed_texts_leave_nothing_behind() -> None:
    leading: Mapping[bool, list[str | None]] = {True: ["a", "b", "c", "d", "e"], False: BARE}
    texts = filled([(leading[n % 2 == 0], "some words") for n in range(4)])
    room = texts._room
    index(texts, 2)
    for key in range(4):
        texts.remove(key)
    assert not (texts._texts or texts._grams or any(texts._values.values()))
    assert not (texts._held or texts._without_grams) and texts._room > room


def test_no_character_folds_to_one_that_parts_words() -> None:
    """Words are cut before they are folded, texts after: both must cut at the same places."""
    parting = {" ", SEPARATOR}
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        assert not parting & set(fold(chr(code))) or chr(code) in parting
