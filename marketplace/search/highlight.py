"""Where the words of a search stand in a hit's texts. Positions, never markup: pages escape and mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from marketplace import text
from marketplace.search.words import Clause, Match, SearchField, WordQuery

#: Characters of a text that are looked at, characters of an excerpt, and those in front of its first match.
_READ, _SHOWN, _BEFORE = 20_000, 240, 60


@dataclass(frozen=True, slots=True)
class Marked:
    """A text, or an excerpt of one, with the places that match.

    Args:
        marks: pairs of first and last-but-one character in ``text``, ascending, apart.
        cut_before: characters of the original were left out in front.
        cut_after: the same behind.
    """

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    cut_before: bool = False
    cut_after: bool = False

    def parts(self) -> list[tuple[str, bool]]:
        """The text in pieces, each with whether it is marked."""
        pieces: list[tuple[str, bool]] = []
        last = 0
        for start, end in self.marks:
            pieces += [(self.text[last:start], False), (self.text[start:end], True)]
            last = end
        pieces.append((self.text[last:], False))
        return [piece for piece in pieces if piece[0]]


def mark(original: str, field: SearchField, query: WordQuery | None) -> Marked:
    """A whole text with the places where a query's words stand."""
    clauses = [] if query is None else [c for c in query.required if c.field in (None, field)]
    return Marked(original, tuple(_spans(original[:_READ], clauses))) if clauses else Marked(original)


def excerpt(original: str, field: SearchField, query: WordQuery | None) -> Marked:
    """A part of a text around its first match; its beginning where nothing matches."""
    marks = mark(original, field, query).marks
    start = 0
    if marks and marks[0][1] > _SHOWN:
        start = _word_start(original, max(0, marks[0][0] - _BEFORE))
    end = len(original) if len(original) - start <= _SHOWN else _word_end(original, start + _SHOWN)
    inside = tuple((first - start, last - start) for first, last in marks if start <= first and last <= end)
    return Marked(original[start:end], inside, start > 0, end < len(original))


def _spans(original: str, clauses: list[Clause]) -> list[tuple[int, int]]:
    if original.isascii():
        lowered = original.lower()
        # To look costs less than to cut, and most texts do not hold most words.
        clauses = [one for one in clauses if one.words[0] in lowered or one.words[0] in text.RENAMED]
    return _joined(sorted(set(_found(original, clauses)))) if clauses else []


def _found(original: str, clauses: list[Clause]) -> Iterator[tuple[int, int]]:
    spans = text.spans(original)
    whole = text.run_spans(original) if any(one.match is Match.PREFIX for one in clauses) else []
    for clause in clauses:
        first, length = clause.words[0], len(clause.words)
        if clause.match is Match.PREFIX:
            yield from ((start, end) for word, start, end in spans + whole if word.startswith(first))
            continue
        for i, (word, start, _) in enumerate(spans):
            if word == first and _fits(clause, run := spans[i : i + length]):
                yield start, run[-1][2]


def _fits(clause: Clause, run: Sequence[tuple[str, int, int]]) -> bool:
    """Whether words that stand at a place are those of a clause."""
    return tuple(word for word, _, _ in run) == clause.words


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _word_start(original: str, near: int) -> int:
    space = original.find(" ", near, near + 30)
    return near if space < 0 else space + 1


def _word_end(original: str, near: int) -> int:
    space = original.rfind(" ", near - 30, near)
    return near if space < 0 else space
