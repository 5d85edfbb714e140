"""The query language: what is asked for, what is literal, and what is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import (
    MAX_CHARACTERS,
    MAX_CLAUSES,
    MAX_WORDS,
    Clause,
    Match,
    SearchField,
    WordQuery,
    find_hint,
    parse_words,
)
from tests.costs import costing_at_most


def exact(*words: str, field: SearchField | None = None) -> Clause:
    return Clause(words, field)


def begin(word: str, field: SearchField | None = None) -> Clause:
    return Clause((word,), field, Match.PREFIX)


@pytest.mark.parametrize(
    ("typed", "required", "excluded"),
    [
        ("ubuntu", [exact("ubuntu")], []),
        ("  Ubuntu \t SERVER\n", [exact("ubuntu"), exact("server")], []),
        ('"Ubuntu server" x', [exact("ubuntu", "server"), exact("x")], []),
        ('"never closed', [exact("never", "closed")], []),
        ("14.04", [exact("14", "04")], []),
        ("title:kernel", [exact("kernel", field=SearchField.TITLE)], []),
        ('TITLE:"a kernel"', [exact("a", "kernel", field=SearchField.TITLE)], []),
        ("endorser:a@b.org", [exact("a", "b", "org", field=SearchField.ENDORSER)], []),
        ("-old", [], [exact("old")]),
        ('-"old one" -os:x new', [exact("new")], [exact("old", "one"), exact("x", field=SearchField.OS)]),
        ("cent*", [begin("cent")], []),
        ("os:cent*", [begin("cent", SearchField.OS)], []),
        ("-cent*", [], [begin("cent")]),
        ("foo-bar*", [exact("foo"), begin("bar")], []),
        ("22*", [begin("22")], []),
        ("os:22*", [begin("22", SearchField.OS)], []),
        ("centos7-x86*", [exact("centos", "7"), begin("x86")], []),
        ("centos7", [exact("centos", "7")], []),
        ("amd64", [exact("x", "86", "64")], []),
        ("aarch64 ARM64", [exact("arm", "64")], []),
        ("foo\tbar\nbaz", [exact("foo"), exact("bar"), exact("baz")], []),
        (
            "\u200bti\u200btle:\ufefffoo\u2060 -\u200bbar",
            [exact("foo", field=SearchField.TITLE)],
            [exact("bar")],
        ),
        ('"cent*"', [exact("cent")], []),
        ("a a A", [exact("a")], []),
        # Everything else is literal.
        ("color:red", [exact("color", "red")], []),
        ("title: kernel", [exact("title"), exact("kernel")], []),
        ("http://x.org/a", [exact("http", "x", "org", "a")], []),
        ("(a OR b) AND c", [exact("a"), exact("or"), exact("b"), exact("and"), exact("c")], []),
        ("[1 TO 9]", [exact("1"), exact("to"), exact("9")], []),
        ("fuzzy~9", [exact("fuzzy", "9")], []),
        ("/re.+x/", [exact("re", "x")], []),
        ("a*b", [exact("a", "b")], []),
        ("x ** - \"\" ()", [exact("x")], []),
    ],
)  # fmt: skip
def test_what_is_asked_for(typed: str, required: list[Clause], excluded: list[Clause]) -> None:
    assert parse_words(typed) == WordQuery(tuple(required), tuple(excluded))


@pytest.mark.parametrize("typed", ["", "  ", "\t\n", "\u200b", "\ufeff \u00ad"])
def test_nothing_typed_asks_for_no_words(typed: str) -> None:
    assert parse_words(typed) is None


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("*", "search.no-words"),
        ("?!()", "search.no-words"),
        ('""', "search.no-words"),
        ("ab*", "search.prefix-too-short"),
        ("7*", "search.prefix-too-short"),
        ("v1*", "search.prefix-too-short"),
        ("a*b*c*", "search.prefix-too-short"),
        ("-foo-bar*", "search.excluded-prefix"),
        ("(" * 1000, "search.too-long"),
        ("word " * 10_000, "search.too-long"),
        (" ".join(f"w{number}" for number in range(MAX_CLAUSES + 1)), "search.too-many-words"),
        (f'"{"a " * (MAX_WORDS + 1)}"', "search.too-many-words"),
        ("nul\0", "search.characters"),
        ("escape\x1b[0m", "search.characters"),
        ("\u202eright to left", "search.characters"),
        ("a\u2066b", "search.characters"),
        ("half \ud800", "search.characters"),
    ],
)
def test_what_is_refused(typed: str, code: str) -> None:
    with pytest.raises(SearchRefusedError) as refused:
        parse_words(typed)
    assert refused.value.code == code
    assert refused.value.message.isprintable()


@given(st.text(max_size=MAX_CHARACTERS + 50))
@example("\xad")  # a soft hyphen, which nobody sees
def test_any_text_is_parsed_within_the_bounds_or_refused(typed: str) -> None:
    try:
        query = parse_words(typed)
    except SearchRefusedError:
        return
    if query is None:
        assert all(one.isspace() or unicodedata.category(one) == "Cf" for one in typed)
        return
    clauses = query.required + query.excluded
    assert 0 < len(clauses) <= MAX_CLAUSES
    assert sum(len(clause.words) for clause in clauses) <= MAX_WORDS
    assert all(clause.words and all(word.isalnum() for word in clause.words) for clause in clauses)


@given(
    st.lists(st.sampled_from(['"', "-", "title:", "*", "(", " ", "ab", "é", "\u0301", "機"]), max_size=200)
)
def test_any_mix_of_the_signs_of_the_language_is_parsed_or_refused(parts: list[str]) -> None:
    try:
        parse_words("".join(parts))
    except SearchRefusedError as refused:
        assert refused.code.startswith("search.")


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("debian AND ubuntu", "AND is a word"),
        ("a OR b NOT c OR d", "OR and NOT are words"),
        ("NOT old AND new OR other", "NOT, AND and OR are words"),
    ],
)
def test_the_operators_of_other_searches_get_a_hint(typed: str, named: str) -> None:
    hint = find_hint(typed)
    assert hint is not None and hint.startswith(named)
    assert "-word" in hint


@pytest.mark.parametrize("typed", ["", "debian and ubuntu", "ANDROID", "-old new", "Not or"])
def test_plain_words_get_no_hint(typed: str) -> None:
    assert find_hint(typed) is None


def test_the_longest_query_costs_no_time_to_parse() -> None:
    with costing_at_most(10):
        parse_longest()


def parse_longest() -> None:
    for sign in ('"', "-", "a:", "a*b", '-"', "::", "*"):
        try:
            parse_words((sign * MAX_CHARACTERS)[:MAX_CHARACTERS])
        except SearchRefusedError:
            continue
