"""The tokenizer: every kind of token, both readings where two exist, linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sparql.tokens import TokenKind, tokenize, unescape
from tests.costs import costing_at_most


def kinds(text: str) -> list[tuple[TokenKind, str]]:
    return [(token.kind, token.text) for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<http://example.org/graph#x>", TokenKind.IRI),
        (r"<http://example.org/\u0070>", TokenKind.IRI),
        ("'from'", TokenKind.STRING),
        ('"a \\"quoted\\" graph"', TokenKind.STRING),
        ("'''it's\na graph'''", TokenKind.STRING),
        ('"""say "graph"\n"""', TokenKind.STRING),
        ("?graph", TokenKind.VARIABLE),
        ("$from", TokenKind.VARIABLE),
        ("graph:from.service", TokenKind.NAME),
        (":x", TokenKind.NAME),
        ("ex:", TokenKind.NAME),
        (r"ex:it\'s", TokenKind.NAME),
        ("ex:%47raph", TokenKind.NAME),
        ("_:graph", TokenKind.BLANK),
        ("@from-GB", TokenKind.LANGUAGE),
        ("1.5e-3", TokenKind.NUMBER),
        ("SELECT", TokenKind.WORD),
        ("{", TokenKind.MARK),
    ],
)
def test_one_token(text: str, kind: TokenKind) -> None:
    assert kinds(text) == [(kind, text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT#a comment FROM\n*", ["SELECT"]),
        ("SELECT#to the carriage return\rFROM", ["SELECT", "FROM"]),
        ("?s ?p true.GRAPH?g", ["true", "GRAPH"]),
        ("1GRAPH", ["GRAPH"]),
        ("ex:-5GRAPH", ["GRAPH"]),
        ("ex:.GRAPH", ["GRAPH"]),
        ("ex:b. GRAPH", ["GRAPH"]),
        ("gRaPh<http://example.org/>", ["gRaPh"]),
        ("?a<?b GRAPH", ["GRAPH"]),
        ('"open GRAPH', ["open", "GRAPH"]),
    ],
)
def test_words_are_found(text: str, words: list[str]) -> None:
    assert [found for kind, found in kinds(text) if kind is TokenKind.WORD] == words


@pytest.mark.parametrize(
    "text",
    [
        "FILTER(?a<'>') GRAPH ?g {} FILTER(?a='')",
        "FILTER(?a<?b#>'''\n) GRAPH ?g {} #'''",
        "VALUES ?x {''''#\\x\n} GRAPH ?g {} #'''\n",
        "VALUES ?x {''''#\\uD800\n} GRAPH ?g {} #'''\n",
    ],
)
def test_a_reading_that_shows_a_keyword_is_followed(text: str) -> None:
    assert (TokenKind.WORD, "GRAPH") in kinds(text)


def test_the_fragment_of_an_absolute_iri_has_one_reading() -> None:
    text = "?s <http://example.org/terms#graph> 'a' # GRAPH"
    assert [kind for kind, _ in kinds(text)] == [TokenKind.VARIABLE, TokenKind.IRI, TokenKind.STRING]


@given(st.text(alphabet="aG'\"<>#\\\n.:-_?u01é·{ ", max_size=60))
def test_any_text_gives_tokens_that_stand_where_they_say(text: str) -> None:
    for token in tokenize(text):
        assert token.text
        assert text.startswith(token.text, token.start)


@given(st.sampled_from(["'", '"', "'''", '"""']), st.text(alphabet="abc GRAPH{}#<>", max_size=30))
def test_what_stands_in_a_string_is_no_word(quote: str, inside: str) -> None:
    assert kinds(f"{quote}{inside}{quote}") in (
        [(TokenKind.STRING, f"{quote}{inside}{quote}")],
        # Nothing inside three quotes: the engine and we agree on any split of bare quotes.
        [(TokenKind.STRING, quote[:1] * 2)] * len(quote),
    )


UNITS = [
    "a.", "<a", "'", "'''", "'\n", "<'>", "<#>", "<#>\n", "#\n", "a:", "\\", "?", "_", "1.", "ex:a.", "<a+",
    '"""\\u0041',
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *(pytest.param(unit * (64 * 1024 // len(unit)), id=unit) for unit in UNITS),
        pytest.param("<#>" * 10_000 + "\n#" * 17_000, id="readings before comments"),
    ],
)
def test_time_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    # Scanning 64 KiB in quadratic time takes 100 to 300 floors and more; the dearest of these takes about 8.
    with costing_at_most(40):
        tokens = sum(1 for _ in tokenize(text))
    assert tokens or text.startswith("#")


def test_escapes_of_code_points() -> None:
    assert unescape(r"\u0047RAPH \U00000046ROM \U00110000") == "GRAPH FROM \\U00110000"
