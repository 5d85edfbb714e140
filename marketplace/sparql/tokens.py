"""SPARQL's tokens: enough of the grammar to tell a keyword from the same letters elsewhere.

The engine's parser is scannerless: it matches characters where its grammar
stands and knows no token boundaries, so ``?a<'>'`` is a comparison to it, while
the longest-match rule of the specification makes an IRI of ``<'>``. Where the
two disagree on where a token ends, ``tokenize`` follows both, so that nothing
can be hidden from it that the engine would see.

Source: SPARQL 1.1 Query Language, section 19.8 (terminals 139-173) and 19.2.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class TokenKind(Enum):
    """What a token is. White space and comments are no tokens."""

    IRI = "iri"
    STRING = "string"
    NAME = "prefixed name"
    VARIABLE = "variable"
    BLANK = "blank node"
    LANGUAGE = "language tag"
    NUMBER = "number"
    WORD = "word"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class QueryToken:
    """A token and where it starts.

    Args:
        text: as written; a NAME holds its colon, a MARK is one character.
        start: offset in characters.
    """

    kind: TokenKind
    text: str
    start: int


# Each text is taken in one way only, so none is scanned twice. Possessive quantifiers (``++``) stand behind
# sets of characters only: Python before 3.11.5 takes those behind groups wrongly (gh-106052).
_POINT = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_CHAR_ESCAPE = r"""\\[tbnrf"'\\]|""" + _POINT
_SPACE = re.compile(r"[ \t\r\n]++")
_LINE_END = re.compile(r"[\r\n]")


def _up_to(end: str, plain: str, other: str) -> str:
    """Characters of a set, and whatever else may stand between them, as far as an end."""
    return rf"{plain}*+(?:(?:{other}){plain}*+)*{end}"


_IRI = re.compile("<(" + _up_to(")>", r'[^\x00-\x20<>"{}|^`\\]', _POINT))
_LONG = {
    "'''": re.compile("'''" + _up_to("'''", r"[^'\\]", rf"{_CHAR_ESCAPE}|'(?!'')")),
    '"""': re.compile('"""' + _up_to('"""', r'[^"\\]', rf'{_CHAR_ESCAPE}|"(?!"")')),
}
_SHORT = {
    "'": re.compile("'" + _up_to("'", r"[^'\\\r\n]", _CHAR_ESCAPE)),
    '"': re.compile('"' + _up_to('"', r'[^"\\\r\n]', _CHAR_ESCAPE)),
}
_PLAIN = (
    (TokenKind.VARIABLE, re.compile(r"[?$][\w\u00b7]++")),
    (TokenKind.BLANK, re.compile(r"_:[\w\-.\u00b7]++")),
    (TokenKind.LANGUAGE, re.compile(r"@[A-Za-z]++(?:-[A-Za-z0-9]++)*(?:--[A-Za-z]++)?")),
    (TokenKind.NUMBER, re.compile(r"[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")),
)
#: Name characters in a row: a prefix where a colon follows, words and dots where none does.
_RUN = re.compile(r"(?:[^\W\d_][\w\-.\u00b7]*+)?")
_LOCAL_ESCAPE = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
#: The part behind the colon. It starts with no dash or dot: ``ex:-5`` is a name and a number.
_LOCAL = re.compile(
    rf"(?:(?:[\w:]|{_LOCAL_ESCAPE})[\w:\-.\u00b7]*+(?:(?:{_LOCAL_ESCAPE})[\w:\-.\u00b7]*+)*)?"
)
_PIECE = re.compile(r"\w++|\W")
#: ``<http://`` can only open an IRI: no operand of a comparison is a name, a colon and two slashes.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+://")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


def tokenize(text: str) -> Iterator[QueryToken]:
    """Yield the tokens of a query, and behind them those of every other reading of its characters.

    A text that is no SPARQL gives tokens too: the engine says what is wrong with it.
    Takes time and memory proportional to the text.
    """
    # Found once: each reading may have a comment of its own that goes to the end of one long line.
    line_ends = [*(match.start() for match in _LINE_END.finditer(text)), len(text)]
    starts = [0]
    seen: set[int] = set()
    while starts:
        position = starts.pop()
        # Two readings that meet stay together from there on.
        while position < len(text) and position not in seen:
            seen.add(position)
            if text[position] == "#":
                position = line_ends[bisect_left(line_ends, position)]
            elif space := _SPACE.match(text, position):
                position = space.end()
            else:
                tokens, other = _read(text, position)
                yield from tokens
                position = tokens[-1].start + len(tokens[-1].text)
                if other is not None:
                    starts.append(other)


def unescape(text: str) -> str:
    r"""Replace ``\uXXXX`` and ``\UXXXXXXXX`` (section 19.2); escapes of no code point stay as they are."""

    def replace(match: re.Match[str]) -> str:
        point = int(match[1] or match[2], 16)
        return chr(point) if point <= 0x10FFFF else match[0]

    return _ESCAPE.sub(replace, text)


def _read(text: str, start: int) -> tuple[list[QueryToken], int | None]:
    """The token at an offset (several for words and dots in a row), and where another reading goes on."""
    if text[start] == "<":
        return _read_angle(text, start)
    if text[start] in _SHORT:
        return _read_quote(text, start)
    for kind, pattern in _PLAIN:
        if match := pattern.match(text, start):
            return [QueryToken(kind, match[0], start)], None
    return _read_run(text, start), None


def _read_angle(text: str, start: int) -> tuple[list[QueryToken], int | None]:
    match = _IRI.match(text, start)
    if match is None:
        return [QueryToken(TokenKind.MARK, "<", start)], None
    body = match[1]
    # As a comparison, only a string or a comment that opens in here could reach beyond the ``>``.
    ambiguous = ("'" in body or "#" in body) and not _ABSOLUTE.match(body)
    return [QueryToken(TokenKind.IRI, match[0], start)], start + 1 if ambiguous else None


def _read_quote(text: str, start: int) -> tuple[list[QueryToken], int | None]:
    long = _LONG.get(text[start : start + 3])
    if long is not None and (match := long.match(text, start)):
        # Three quotes that open no string are an empty string and a quote to the engine,
        # and an escape of no character makes it so.
        return [QueryToken(TokenKind.STRING, match[0], start)], start + 2 if "\\u" in match[
            0
        ].lower() else None
    short = _SHORT[text[start]].match(text, start)
    return [
        QueryToken(TokenKind.STRING, short[0], start)
        if short
        else QueryToken(TokenKind.MARK, text[start], start)
    ], None


def _read_run(text: str, start: int) -> list[QueryToken]:
    run = _RUN.match(text, start)
    end = run.end() if run else start
    if text[end : end + 1] == ":":
        local = _LOCAL.match(text, end + 1)
        # A dot at the end closes the triple.
        name = text[start : local.end() if local else end + 1].rstrip(".")
        return [QueryToken(TokenKind.NAME, name, start)]
    # All pieces at once: looking for the colon again behind each dot would take quadratic time.
    pieces = _PIECE.finditer(text, start, end) if end > start else _PIECE.finditer(text, start, start + 1)
    return [
        QueryToken(
            TokenKind.WORD if piece[0][0].isalnum() or piece[0][0] == "_" else TokenKind.MARK,
            piece[0],
            piece.start(),
        )
        for piece in pieces
    ]
