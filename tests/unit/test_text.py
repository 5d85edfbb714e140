"""How text is cut into words and what differences are folded away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.text import WORD_LENGTH, fold, spans, words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Ubuntu 14.04, 64-bit", ["ubuntu", "14", "04", "64", "bit"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("Łódź Ångström ÆSIR İstanbul", ["lodz", "angstrom", "aesir", "istanbul"]),
        ("e\u0301te\u0301 été", ["ete", "ete"]),
        ("ﬁne ｆｕｌｌ ①", ["fine", "full", "1"]),
        ("虚拟机 image", ["虚", "拟", "机", "image"]),
        ("한국어", ["한국어"]),
        ("centos7 ubuntu22.04 v1.2.3", ["centos", "7", "ubuntu", "22", "04", "v", "1", "2", "3"]),
        ("x86_64 x86-64 amd64 AMD64", ["x", "86", "64"] * 4),
        ("aarch64 ARM64", ["arm", "64"] * 2),
        ("k8s rhel9u2 été2024", ["k", "8", "s", "rhel", "9", "u", "2", "ete", "2024"]),
        ("d41d8cd98f00b204e9800998ecf8427e", ["d41d8cd98f00b204e9800998ecf8427e"]),
        ("900150983cd24fb0d6963f7d28e17f72", ["n900150983cd24fb0d6963f7d28e17f72"]),
        ("1a2b3c4d5", ["n1a2b3c4d5"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("snake_case x__y", ["snake", "case", "x", "y"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σισυφοσ", "σισυφοσ"]),
        ("", []),
        ("!?", []),
    ],
)
def test_texts_are_cut_into_folded_words(text: str, cut: list[str]) -> None:
    assert words(text) == cut


def test_a_word_without_end_is_cut() -> None:
    assert words("a" * 65_536) == ["a" * WORD_LENGTH]


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_words_hold_letters_and_digits_only(text: str) -> None:
    assert all(word and word.isalnum() for word in words(text))
    assert words(" ".join(words(text))) == words(text)


@given(st.text())
def test_case_never_matters(text: str) -> None:
    assert words(text.upper().lower()) == words(text.upper())


def test_spans_are_places_in_the_original() -> None:
    text = "Die Größe, 虚拟"
    assert [(word, text[start:end]) for word, start, end in spans(text)] == [
        ("die", "Die"),
        ("grosse", "Größe"),
        ("虚", "虚"),
        ("拟", "拟"),
    ]


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_spans_hold_the_words_of_the_text(text: str) -> None:
    assert all(word in words(text[start:end]) for word, start, end in spans(text))
