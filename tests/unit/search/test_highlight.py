"""Marks stand where the words do, in the text as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.search.errors import SearchRefusedError
from marketplace.search.highlight import Marked, excerpt, mark
from marketplace.search.words import SearchField, parse_words


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("ubuntu", "Ubuntu and UBUNTU", ["Ubuntu", "UBUNTU"]),
        ("strasse", "Große Straße", ["Straße"]),
        ('"web server"', "A web server, a web, a server", ["web server"]),
        ("14.04", "Ubuntu 14.04 and 14", ["14.04"]),
        ("cent*", "CentOS centre decent", ["CentOS", "centre"]),
        ("web server", "web server", ["web", "server"]),
        ('"a b" b', "a b", ["a b"]),
        ("title:x", "x", ["x"]),
        ("os:x", "x", []),
        ("-x y", "x y", ["y"]),
        ("虚拟", "虚拟机", ["虚拟"]),
        ("z", "nothing", []),
    ],
)
def test_what_matches_is_marked(typed: str, text: str, marked: list[str]) -> None:
    found = mark(text, SearchField.TITLE, parse_words(typed))
    assert [text[start:end] for start, end in found.marks] == marked
    assert "".join(piece for piece, _ in found.parts()) == text


def test_an_excerpt_is_around_the_first_match() -> None:
    text = "before " * 100 + "needle " + "after " * 100
    found = excerpt(text, SearchField.DESCRIPTION, parse_words("needle"))
    assert [found.text[start:end] for start, end in found.marks] == ["needle"]
    assert (found.cut_before, found.cut_after) == (True, True)
    assert len(found.text) <= 300
    assert not found.text.startswith("efore")


def test_without_words_an_excerpt_is_the_beginning() -> None:
    assert excerpt("short", SearchField.DESCRIPTION, None) == Marked("short")
    found = excerpt("long " * 100, SearchField.DESCRIPTION, None)
    assert (found.cut_before, found.cut_after, found.marks) == (False, True, ())


@given(st.text(), st.text(max_size=40))
def test_marks_are_apart_ascending_and_inside(text: str, typed: str) -> None:
    try:
        query = parse_words(typed)
    except SearchRefusedError:
        query = parse_words("a")
    for found in (mark(text, SearchField.TITLE, query), excerpt(text, SearchField.TITLE, query)):
        places = [place for pair in found.marks for place in pair]
        assert places == sorted(set(places))
        assert all(0 <= place <= len(found.text) for place in places)
        assert found.text in text


@given(
    st.text("ab1 .*B", max_size=60), st.sampled_from(["a", "b1", '"a b"', "aba*", '"b a" 1', "aaa*", "a.b a"])
)
def test_a_text_of_ascii_is_marked_as_one_that_is_not(text: str, typed: str) -> None:
    query = parse_words(typed)
    assert (
        mark(text, SearchField.TITLE, query).marks == mark(f"{text} \u00e9", SearchField.TITLE, query).marks
    )
