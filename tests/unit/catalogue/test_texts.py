"""Words in texts: what memory says is what the texts say, however it came to know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.catalogue import texts as module
from marketplace.catalogue.texts import Texts
from marketplace.models.current import SEPARATOR
from marketplace.rules.columns import fold

PIECES = st.text(st.sampled_from("ab /c\u00e4"), max_size=8)
ROWS = st.lists(st.lists(PIECES, min_size=1, max_size=4).map(SEPARATOR.join), max_size=8)
WORDS = st.text(st.sampled_from("ab/c\u00e4"), min_size=1, max_size=6)


def filled(rows: list[str], most_cached: int = 10_000) -> Texts:
    texts = Texts(most_cached)
    for key, row in enumerate(rows):
        texts.add(key, row)
    return texts


@given(rows=ROWS, words=st.lists(WORDS, max_size=4), gone=st.sets(st.integers(0, 7)), often=st.integers(1, 3))
def test_words_are_found_where_they_stand(
    rows: list[str], words: list[str], gone: set[int], often: int
) -> None:
    everything = BitMap(range(len(rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "OFTEN", often)
        texts = filled(rows)
    for change in ("nothing", "some go", "the first come again", "it is tidied"):
        there = everything if change == "nothing" else everything - BitMap(gone)
        if change == "some go":
            for key in gone & set(everything):
                texts.remove(key)
        if change == "the first come again":
            there = there | (BitMap(range(3)) & everything)
            for key in there & BitMap(gone):
                texts.add(key, rows[key])
        if change == "it is tidied":
            for key in (BitMap(gone) & everything) - there:
                texts.remove(key)
            texts._tidy()
            texts._remainders._move_together()
        for word in words:
            ask(texts, rows, word, there)
            ask(texts, rows, word, BitMap(list(there)[::2]))


def ask(texts: Texts, rows: list[str], word: str, among: BitMap) -> None:
    """Hold what is found against the texts; the database is asked only about words across a cut address."""
    holding = BitMap(key for key in among if word in rows[key])
    found, unsure = texts.find(word, among)
    assert found <= holding <= found | unsure
    assert not unsure or "/" in word[:-1]


def test_what_common_and_what_single_texts_have_is_found() -> None:
    rows = [
        f"ubuntu 22.04 image{n} http://images.example.org/ubuntu/{n}.qcow2 {'router' * (n == 900)}"
        for n in range(1500)
    ]
    texts, everything = filled(rows, 1_000_000), BitMap(range(1500))
    assert len(texts._remainders._since) < sum(map(len, rows)) / 2  # most of it is kept once
    for word in (
        "bunt",
        "22.0",
        "example",
        "image77",
        "900.qcow2",
        "router",
        "outer",
        "zz",
        "2",
        "images.example.org/u",
    ):
        for among in (BitMap([3, 900, 901]), everything):
            texts._decided.clear()
            assert texts.find(word, among) == (
                BitMap(key for key in among if word in rows[key]),
                BitMap(),
            ), word
    # Where an address was cut, the database decides, about few.
    found, unsure = texts.find("ubuntu/90", everything)
    assert not found and BitMap([90, *range(900, 910)]) <= unsure <= BitMap(
        n for n in range(1500) if "90" in str(n)
    )


def test_what_was_decided_is_not_looked_for_again() -> None:
    texts = filled([f"word{n}" for n in range(100)])
    everything = BitMap(range(100))
    assert texts.find("word7", everything)[0] == BitMap([7, *range(70, 80)])
    texts._remainders._since[:] = bytes(len(texts._remainders._since))
    assert texts.find("word7", everything)[0] == BitMap([7, *range(70, 80)])
    texts.add(100, "word777")
    assert texts.find("word7", BitMap(range(101)))[0] == BitMap([7, *range(70, 80), 100])


def test_the_database_is_asked_about_what_has_no_room_and_only_once() -> None:
    texts = filled(["x" * 30, "x" * 90], most_cached=60)
    everything = BitMap([0, 1])
    assert texts.find("xx", everything) == (BitMap([0]), BitMap([1]))
    texts.note("xx", BitMap([1]), BitMap([1]))
    assert texts.find("xx", everything) == (everything, BitMap())


def test_texts_that_went_leave_nothing_behind() -> None:
    texts = filled([f"some words {n}" for n in range(1200)], 100_000)
    room = texts._room
    for key in range(1200):
        texts.remove(key)
        assert texts.find("some", BitMap(range(key + 1, 1200)))[0] == BitMap(range(key + 1, 1200))
        assert texts.find(str(key), BitMap([key]))[0] == BitMap()
    assert len(texts._gone) < 1200 and not any(texts._remainders._since)
    texts._tidy()
    assert not (texts._common or texts._held or texts._gone)
    assert texts._room > room


def test_no_character_folds_to_one_that_parts_words() -> None:
    """Words are cut before they are folded, texts after: both must cut at the same places."""
    parting = {" ", SEPARATOR}
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        assert not parting & set(fold(chr(code))) or chr(code) in parting
