"""What users type, parsed to a bounded query.

``word``, ``"a phrase"``, ``field:word``, ``field:"a phrase"``, ``begin*``, and
``-`` in front of any of them to exclude it. All words must occur. Everything
else is literal: there is no nesting, no range, no pattern and no fuzziness, so
there is nothing to make expensive with them. A word that holds punctuation
(``14.04``, ``x86_64``, an e-mail address) is the phrase of its parts, and so is one
that goes from letters to digits (``centos7``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from marketplace import text
from marketplace.search.errors import SearchRefusedError

#: Bounds of a query. Characters, words or phrases, single words in them, letters or digits before a ``*``.
MAX_CHARACTERS = 500
MAX_CLAUSES = 16
MAX_WORDS = 32
MIN_PREFIX, MIN_NUMBER = 3, 2

#: Direction marks and overrides: they make a query look like another one.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class SearchField(StrEnum):
    """The parts of an entry that ``field:`` can name."""

    TITLE = "title"
    DESCRIPTION = "description"
    OS = "os"
    TAG = "tag"
    ENDORSER = "endorser"
    IDENTIFIER = "identifier"
    PUBLISHER = "publisher"


class Match(StrEnum):
    """How a clause's words are compared."""

    #: The words, whole and next to each other.
    EXACT = "exact"
    #: One word that begins so.
    PREFIX = "prefix"


# These two are keys of what engines remember, asked for in every log that a reader sees:
# a tuple is hashed and compared several times as fast as a dataclass.


class Clause(NamedTuple):
    """One condition: folded words, where they must stand (None: anywhere) and how they compare."""

    words: tuple[str, ...]
    field: SearchField | None = None
    match: Match = Match.EXACT


class WordQuery(NamedTuple):
    """All of ``required`` and none of ``excluded``; at least one of the two is not empty."""

    required: tuple[Clause, ...]
    excluded: tuple[Clause, ...] = ()


_OPERATORS = frozenset({"AND", "OR", "NOT"})

_PART = re.compile(
    r"""(?P<minus>-)?
        (?:(?P<field>[A-Za-z]+):(?=[^\s:]))?
        (?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))""",
    re.VERBOSE,
)


def clean(typed: str) -> str:
    """What was typed or pasted, without the characters that nobody sees and with spaces for tabs and lines.

    Direction marks stay: they make a text look like another one, and are refused.
    """
    if typed.isprintable():
        return typed
    kept = (c for c in typed if unicodedata.category(c) != "Cf" or c in _DIRECTION)
    return "".join(" " if c in "\t\r\n" else c for c in kept)


def find_hint(typed: str) -> str | None:
    """What to tell somebody who typed the operators of another search: here AND, OR and NOT are words."""
    found = [word for word in dict.fromkeys(typed.split()) if word in _OPERATORS]
    if not found:
        return None
    named = " and ".join((", ".join(found[:-1]), found[-1]) if len(found) > 1 else found)
    kind = "are words" if len(found) > 1 else "is a word"
    return (
        f"{named} {kind} like any other here. All words must occur; -word excludes images with the word. "
        "To find either of two words, search twice, or choose both values of a filter."
    )


def parse_words(typed: str) -> WordQuery | None:
    """Parse what a user typed; None where nobody sees a character in it.

    Raises:
        SearchRefusedError: it is over a bound, holds control or direction
            characters, or no word to look for.
    """
    typed = clean(typed)
    if not typed.strip():
        return None
    _check_characters(typed)
    required: list[Clause] = []
    excluded: list[Clause] = []
    for part in _PART.finditer(typed):
        (excluded if part["minus"] else required).extend(_clauses(part))
    if not required and not excluded:
        raise SearchRefusedError("search.no-words", "The search has no letter or digit.")
    clauses = required + excluded
    if len(clauses) > MAX_CLAUSES or sum(len(clause.words) for clause in clauses) > MAX_WORDS:
        raise SearchRefusedError(
            "search.too-many-words",
            f"Search for at most {MAX_CLAUSES} words or phrases, {MAX_WORDS} single words in all.",
        )
    # The same clause twice changes nothing but the cost.
    return WordQuery(tuple(dict.fromkeys(required)), tuple(dict.fromkeys(excluded)))


def _check_characters(typed: str) -> None:
    if len(typed) > MAX_CHARACTERS:
        raise SearchRefusedError("search.too-long", f"Search for at most {MAX_CHARACTERS} characters.")
    for character in typed:
        control = unicodedata.category(character) in ("Cc", "Cs")
        if control or character in _DIRECTION:
            raise SearchRefusedError(
                "search.characters",
                f"The search has the invisible character U+{ord(character):04X}; type it without.",
            )


def _clauses(part: re.Match[str]) -> list[Clause]:
    field, typed = _field(part)
    if part["phrase"] is None and typed.endswith("*"):
        return _prefix(text.runs(typed), field, part["minus"])
    found = tuple(text.words(typed))
    return [Clause(found, field)] if found else []


def _field(part: re.Match[str]) -> tuple[SearchField | None, str]:
    """The field a part names, and its text; a name that is no field is text like any other."""
    typed = part["word"] if part["phrase"] is None else part["phrase"]
    name = part["field"]
    if name is None:
        return None, typed
    try:
        return SearchField(name.lower()), typed
    except ValueError:
        return None, f"{name}:{typed}"


def _prefix(found: Sequence[str], field: SearchField | None, minus: str | None) -> list[Clause]:
    if not found:
        return []
    *before, begin = found
    whole = [word for run in before for word in text.cut(run)]
    if len(begin) < (MIN_NUMBER if begin.isdigit() else MIN_PREFIX):
        raise SearchRefusedError(
            "search.prefix-too-short",
            f"Give at least {MIN_PREFIX} letters, or {MIN_NUMBER} digits, in front of *; found {begin!r}.",
        )
    # A hash is one word; all else stands in the indexes as a whole too.
    cut = text.cut(begin)
    begin = cut[0] if len(cut) == 1 else begin
    if whole and minus:
        raise SearchRefusedError(
            "search.excluded-prefix",
            "To exclude words by their beginning, give one word without punctuation.",
        )
    # Engines cannot all end a phrase in a prefix, so the parts before it are a condition of their own.
    clauses = [Clause(tuple(whole), field)] if whole else []
    return [*clauses, Clause((begin,), field, Match.PREFIX)]
