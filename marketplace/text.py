"""How text becomes words: the same at index and at query time, whatever the engine.

Engines are handed words that are folded and cut already and must not touch
them again. So a query means the same on each of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

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
_RUN = re.compile(f"(?!\\W)[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")
_ASCII_RUN = re.compile("[a-z0-9]+")
#: What a run is cut into. Names of systems and versions have few such pieces: ``ubuntu22``, ``rhel9u2``.
_PIECE = re.compile(r"\d+|\D+")
_MOST_PIECES = 4
#: Names of architectures that mean what others do; ``x86_64`` and ``x86-64`` are cut into these words anyway.
_SAME = {"amd64": ("x", "86", "64"), "aarch64": ("arm", "64")}

#: Words that may stand for a text without being in it.
RENAMED = frozenset(word for meant in _SAME.values() for word in meant)


def fold(text: str) -> str:
    """Text without the differences that a searcher does not mean: case, accents, widths, ligatures."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    # Mn are the marks taken off the letters; Cf are joiners, soft hyphens and direction marks.
    bare = "".join(c for c in apart if unicodedata.category(c) not in ("Mn", "Cf"))
    return unicodedata.normalize("NFKC", bare.translate(_PLAIN)).casefold()


def words(text: str) -> list[str]:
    """The folded words of a text, in order.

    A run of letters and digits is cut where letters meet digits, so that ``centos7`` is ``centos 7`` and
    ``v1.2.3`` holds ``1.2``. A run of many such pieces is a hash and stays whole.
    """
    return [word for run in runs(text) for word in cut(run)]


def runs(text: str) -> list[str]:
    """The folded runs of letters and digits of a text, each at most WORD_LENGTH long."""
    found = _ASCII_RUN.findall(text.lower()) if text.isascii() else _RUN.findall(fold(text))
    return [run[:WORD_LENGTH] for run in found]


def cut(run: str) -> Sequence[str]:
    """The words of a folded run."""
    if run.isalpha() or run.isdigit():
        return (run,)
    if run in _SAME:
        return _SAME[run]
    pieces = _PIECE.findall(run)
    if len(pieces) <= _MOST_PIECES:
        return pieces
    # The beginning of a number shall find numbers, and not every hash that begins so.
    return (run if pieces[0].isalpha() else f"n{run}"[:WORD_LENGTH],)


def spans(text: str) -> list[tuple[str, int, int]]:
    """The folded words of a text with where each stands in it, for highlighting.

    The text is cut before it is folded, so that the positions are those of the
    original. A letter that folds into several words counts for each of them.
    """
    found: list[tuple[str, int, int]] = []
    if text.isascii():
        # Lowering keeps every place, and most texts are of this kind.
        for match in _ASCII_RUN.finditer(text.lower()):
            found.extend(_positioned(match.group(), match.start(), match.end()))
        return found
    for match in re.finditer(f"(?!\\W)[{_UNSPACED}]|(?:[^\\W_{_UNSPACED}]|[\\u0300-\\u036f\\u00ad])+", text):
        if match.group().isascii():
            found.extend(_positioned(match.group().lower(), match.start(), match.end()))
        else:
            found.extend((word, match.start(), match.end()) for word in words(match.group()))
    return found


def run_spans(text: str) -> list[tuple[str, int, int]]:
    """The folded runs of a text with where each stands in it."""
    found = _ASCII_RUN.finditer(text.lower()) if text.isascii() else re.finditer(r"\w+", text)
    return [(run, one.start(), one.end()) for one in found for run in runs(one.group())]


def _positioned(run: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    pieces = cut(run[:WORD_LENGTH])
    if "".join(pieces) != run:  # another name of the same thing, or too long
        yield from ((piece, start, end) for piece in pieces)
        return
    for piece in pieces:
        yield piece, start, start + len(piece)
        start += len(piece)
