"""How text becomes words: the same at index and at query time, whatever the engine.

Engines are handed words that are folded and cut already and must not touch
them again. So a query means the same on each of them.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

#: Longer words are cut here, in the index as in queries: no engine has to hold a 64 Ki word.
WORD_LENGTH = 64

#: Letters that Unicode does not take apart, but that people leave the stroke off.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŧ": "t"}
)

#: Scripts written without spaces: each character is a word, and neighbours are found as phrases.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_WORD = re.compile(f"(?!\\W)[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")
_ASCII_WORD = re.compile("[a-z0-9]+")


def fold(text: str) -> str:
    """Text without the differences that a searcher does not mean: case, accents, widths, ligatures."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    # Mn are the marks taken off the letters; Cf are joiners, soft hyphens and direction marks.
    bare = "".join(c for c in apart if unicodedata.category(c) not in ("Mn", "Cf"))
    return unicodedata.normalize("NFKC", bare.translate(_PLAIN)).casefold()


def words(text: str) -> list[str]:
    """The folded words of a text, in order: runs of letters and digits, each at most WORD_LENGTH long."""
    found = _ASCII_WORD.findall(text.lower()) if text.isascii() else _WORD.findall(fold(text))
    return [word[:WORD_LENGTH] for word in found]


def run(lowered: str, start: int, count: int) -> list[tuple[str, int, int]]:
    """The first words from a place on in a text of ASCII small letters, as ``spans`` gives them."""
    found = islice(_ASCII_WORD.finditer(lowered, start), count)
    return [(m.group()[:WORD_LENGTH], m.start(), m.end()) for m in found]


def spans(text: str) -> list[tuple[str, int, int]]:
    """The folded words of a text with where each stands in it, for highlighting.

    The text is cut before it is folded, so that the positions are those of the
    original. A letter that folds into several words counts for each of them.
    """
    if text.isascii():
        # Lowering keeps every place, and most texts are of this kind.
        return [(m.group()[:WORD_LENGTH], m.start(), m.end()) for m in _ASCII_WORD.finditer(text.lower())]
    found: list[tuple[str, int, int]] = []
    for match in re.finditer(f"(?!\\W)[{_UNSPACED}]|(?:[^\\W_{_UNSPACED}]|[\\u0300-\\u036f\\u00ad])+", text):
        found.extend((word, match.start(), match.end()) for word in words(match.group()))
    return found
