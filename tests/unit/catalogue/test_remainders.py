"""What is left of texts: blocks that cannot hold a word are passed by, and only those."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.catalogue import remainders as module
from marketplace.catalogue.remainders import Remainders
from marketplace.catalogue.sections import Reader, Writer

HERE = Path(tempfile.gettempdir())

TEXTS = st.lists(st.text(st.sampled_from("ab c\u00e4\u865a"), max_size=9), max_size=20)
WORDS = st.text(st.sampled_from("abc\u00e4\u865a"), min_size=1, max_size=5)


def written_and_read(remainders: Remainders) -> Remainders:
    """The same from a file."""
    with tempfile.TemporaryFile() as file:
        writer = Writer(file, {})
        remainders.write(writer)
        writer.close()
        file.seek(0)
        found = Remainders()
        found.read(Reader(file, HERE))
        return found


@given(
    texts=TEXTS, words=st.lists(WORDS, max_size=5), gone=st.sets(st.integers(0, 19)), block=st.integers(1, 5)
)
def test_words_are_found_in_every_block(
    texts: list[str], words: list[str], gone: set[int], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        remainders = Remainders()
        for key, text in enumerate(texts):
            remainders.add(key, text)
        there = set(range(len(texts)))
        for change in ("nothing", "some go", "written and read", "some come", "more go", "moved together"):
            if change.endswith("go"):
                leaving = {
                    key for key in there if key % 20 in gone and (change == "some go") == (key % 3 > 0)
                }
                for key in leaving:
                    remainders.remove(key)
                there -= leaving
            elif change == "written and read":
                remainders = written_and_read(remainders)
            elif change == "some come":
                for key, text in enumerate(texts[::-1], 20):
                    remainders.add(key, text)
                there |= set(range(20, 20 + len(texts)))
            elif change == "moved together":
                remainders._move_together()
            assert {key for key, place in enumerate(remainders._places) if place} == there
            for word in words:
                assert remainders.find(word) == BitMap(
                    key for key in there if word in (texts[key] if key < 20 else texts[::-1][key - 20])
                )
                assert {key for key in there if remainders.has(key, word)} == set(remainders.find(word))


def test_a_word_of_few_texts_is_looked_for_in_few_blocks() -> None:
    chance = random.Random(1)
    remainders = Remainders()
    for key in range(20 * module.BLOCK + 7):
        remainders.add(key, "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=27)))
    remainders.add(1_000_000, "quite a find")
    looked_through = list(remainders._spans(b"quiteafind"))
    assert (
        looked_through[-1][1] == len(remainders._keys)
        and sum(end - start for start, end in looked_through) < len(remainders._keys) / 4
    )
    assert remainders.find("quite") >= BitMap([1_000_000])


def test_when_most_texts_went_the_others_are_moved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_GONE", 100)
    remainders = Remainders()
    for key in range(3000):
        remainders.add(key, f"text{key}")
    for key in range(2900):
        remainders.remove(key)
    assert len(remainders._keys) < 1500
    assert remainders.find("text") == BitMap(range(2900, 3000))
    assert remainders.find("text2999") == BitMap([2999])
