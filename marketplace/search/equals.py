"""The best of many entries, found by sets of equally good ones instead of one by one.

What a word adds to the score of an entry depends on two small numbers: how many
words its field has and how often the word is among them. So thousands of entries
are a few dozen sets, each word splits them, and sets that cannot get onto the
page any more are dropped before the next word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from marketplace.search.engine import Equals

#: Sets by score, and by the length of the field that the last word was looked for in (None: not known).
_Parts = dict[tuple[float, int | None], BitMap]
#: More than rounding can make of a sum of scores, and less than any difference that matters.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Weighed:
    """A word or phrase, and what it adds to the score of each entry that holds it.

    Args:
        field: where it is looked for.
        added: by the length of the field, what it adds and to which entries.
    """

    field: str
    added: Mapping[int, Sequence[tuple[float, BitMap]]]

    def of(self, entry_key: int) -> float:
        """What it adds to the score of one entry."""
        return next((more for more, held in self.each() if entry_key in held), 0.0)

    def each(self) -> Iterator[tuple[float, BitMap]]:
        """What it adds, whatever the length."""
        return (pair for pairs in self.added.values() for pair in pairs)

    def bounds(self) -> tuple[float, float]:
        """The least and the most that it adds."""
        scores = [more for more, _ in self.each()]
        return min(scores, default=0.0), max(scores, default=0.0)


def best(
    among: BitMap, words: Sequence[Weighed], limit: int, last: float | None, check: Callable[[], None]
) -> list[Equals]:
    """The best of some entries in sets of equally good ones, best first; see ``Matches.best``.

    Args:
        among: entries that hold every one of the words.
        last: where the page begins; a score that ``score_of`` gives.
        check: called now and then; it may raise.
    """
    words = _in_order(words)
    bounds = [word.bounds() for word in words]
    parts: _Parts = {(0.0, None): among}
    field = None
    for number, word in enumerate(words):
        if word.field != field:
            parts = {(score, None): held for score, held in _by_score(parts).items()}
        field = word.field
        parts = _split(parts, word, check)
        low, high = (sum(column) for column in zip((0.0, 0.0), *bounds[number + 1 :], strict=True))
        parts = _promising(parts, low, high, limit, last)
    return _listed(_by_score(parts), limit, last)


def score_of(entry_key: int, words: Sequence[Weighed]) -> float:
    """The score of an entry."""
    return sum((word.of(entry_key) for word in _in_order(words)), 0.0)


def _in_order(words: Iterable[Weighed]) -> list[Weighed]:
    """Words of one field behind each other, because entries of one length there stay together."""
    return sorted(words, key=lambda word: word.field)


def _split(parts: _Parts, word: Weighed, check: Callable[[], None]) -> _Parts:
    split: _Parts = {}
    for (score, length), held in parts.items():
        check()
        left = held
        for other in word.added if length is None else (length,):
            for more, entries in word.added.get(other, ()):
                if both := left & entries:
                    known = split.get((score + more, other))
                    split[score + more, other] = both if known is None else known | both
                    left = left - both
                    if not left:
                        break
            if not left:
                break
        if left:
            split[score, length] = left | split.get((score, length), BitMap())
    return split


def _promising(parts: _Parts, low: float, high: float, limit: int, last: float | None) -> _Parts:
    """The sets that can still get onto the page.

    Args:
        low, high: the least and the most that all further words together add to a score.
    """
    begin = float("inf") if last is None else last
    sure = 0
    floor = -float("inf")
    for (score, _), held in sorted(parts.items(), key=lambda item: -item[0][0]):
        if score + high < begin - _ROUNDING:
            sure += len(held)
            if sure >= limit:
                floor = score + low - _ROUNDING
                break
    return {
        place: held
        for place, held in parts.items()
        if place[0] + high >= floor and place[0] + low <= begin + _ROUNDING
    }


def _by_score(parts: _Parts) -> dict[float, BitMap]:
    found: dict[float, BitMap] = {}
    for (score, _), held in parts.items():
        found[score] = found[score] | held if score in found else held
    return found


def _listed(by_score: Mapping[float, BitMap], limit: int, last: float | None) -> list[Equals]:
    listed: list[Equals] = []
    count = 0
    for score in sorted(by_score, reverse=True):
        if count >= limit:
            break
        if by_score[score] and (last is None or score <= last):
            listed.append(Equals(score, by_score[score]))
            count += len(by_score[score]) if score != last else 0
    return listed
