"""What users type, parsed to a bounded query.

``word``, ``"a phrase"``, ``field:word``, ``field:"a phrase"``, ``begin*``, and
``-`` in front of any of them to exclude it. All words must occur. Everything
else is literal: there is no nesting, no range, no pattern and no fuzziness, so
there is nothing to make expensive with them. A word that holds punctuation
(``14.04``, ``x86_64``, an e-mail address) is the phrase of its parts.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

from marketplace.catalogue import text
from marketplace.search.errors import SearchRefusedError

#: Bounds of a query. Characters, words or phrases, single words in them, letters before a ``*``.
MAX_CHARACTERS = 500
MAX_CLAUSES = 16
MAX_WORDS = 32
MIN_PREFIX = 3

#: Direction marks and overrides: they make a query look like another one.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Field(StrEnum):
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
    field: Field | None = None
    match: Match = Match.EXACT


class WordQuery(NamedTuple):
    """All of ``required`` and none of ``excluded``; at least one of the two is not empty."""

    required: tuple[Clause, ...]
    excluded: tuple[Clause, ...] = ()


_PART = re.compile(
    r"""(?P<minus>-)?
        (?:(?P<field>[A-Za-z]+):(?=[^\s:]))?
        (?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))""",
    re.VERBOSE,
)


def parse_words(typed: str) -> WordQuery | None:
    """Parse what a user typed; None where it is empty or blank.

    Raises:
        SearchRefusedError: it is over a bound, holds control or direction
            characters, or no word to look for.
    """
    if not typed.strip():
        return None
    _check_characters(typed)
    required: list[Clause] = []
    excluded: list[Clause] = []
    for part in _PART.finditer(typed):
        (excluded if part["minus"] else required).extend(_clauses(part))
    if not required and not excluded:
        raise SearchRefusedError("search.no-words", "The search holds no letter or digit to look for.")
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
        control = unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\r\n"
        if control or character in _DIRECTION:
            raise SearchRefusedError(
                "search.characters",
                f"The search holds the invisible character U+{ord(character):04X}; type it without.",
            )


def _clauses(part: re.Match[str]) -> list[Clause]:
    field, typed = _field(part)
    if part["phrase"] is None and typed.endswith("*"):
        return _prefix(text.words(typed), field, part["minus"])
    found = tuple(text.words(typed))
    return [Clause(found, field)] if found else []


def _field(part: re.Match[str]) -> tuple[Field | None, str]:
    """The field a part names, and its text; a name that is no field is text like any other."""
    typed = part["word"] if part["phrase"] is None else part["phrase"]
    name = part["field"]
    if name is None:
        return None, typed
    try:
        return Field(name.lower()), typed
    except ValueError:
        return None, f"{name}:{typed}"


def _prefix(found: list[str], field: Field | None, minus: str | None) -> list[Clause]:
    if not found:
        return []
    *whole, begin = found
    if len(begin) < MIN_PREFIX:
        raise SearchRefusedError(
            "search.prefix-too-short",
            f"Give at least {MIN_PREFIX} letters or digits in front of *; found {begin!r}.",
        )
    if whole and minus:
        raise SearchRefusedError(
            "search.excluded-prefix", "A beginning to exclude must be one word without punctuation."
        )
    # Engines cannot all end a phrase in a prefix, so the parts before it are a condition of their own.
    before = [Clause(tuple(whole), field)] if whole else []
    return [*before, Clause((begin,), field, Match.PREFIX)]
