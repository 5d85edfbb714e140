"""The words of a log's titles, tags, systems and publishers, to suggest one where a search finds nothing.

Words are kept per log, so a suggestion never tells of an entry that the reader
may not see. Identifiers and descriptions are left out: nobody mistypes the
first, and the second would make the list long and odd.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

#: Letters of a word worth suggesting.
_SHORTEST, _LONGEST = 3, 30
#: Words of one log that are remembered; later new ones are not suggested.
_MOST = 200_000


class Vocabulary:
    """How often each word occurred. Words of superseded entries stay: what is suggested is tried first."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._by_length: dict[int, list[str]] = {}

    def add(self, words: Iterable[str]) -> None:
        """Take in the words of an entry."""
        for word in words:
            if not _SHORTEST <= len(word) <= _LONGEST or word.isdigit():
                continue
            if word not in self._counts:
                if len(self._counts) >= _MOST:
                    continue
                self._by_length.setdefault(len(word), []).append(word)
            self._counts[word] += 1

    def counts(self) -> dict[str, int]:
        """How often each word occurred; treat it as frozen."""
        return self._counts

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add the counts of words that ``counts`` of another vocabulary gave."""
        for word, count in counts.items():
            if word not in self._counts:
                self._by_length.setdefault(len(word), []).append(word)
            self._counts[word] += count

    def __contains__(self, word: str) -> bool:
        return word in self._counts

    def similar(self, word: str, limit: int) -> list[tuple[int, str]]:
        """Words that a slip of the keyboard may have turned into this one, the best first.

        Returns:
            pairs of the number of slips (1, or 2 in long words) and the word.
        """
        allowed = 1 if len(word) < 6 else 2
        found = []
        letters = set(word)
        for length in range(len(word) - allowed, len(word) + allowed + 1):
            for candidate in self._by_length.get(length, ()):
                # Cheap first: most words share too few letters to be worth measuring.
                if len(letters.difference(candidate)) <= allowed:
                    slips = distance(word, candidate, allowed)
                    if 0 < slips <= allowed:
                        found.append((slips, -self._counts[candidate], candidate))
        return [(slips, candidate) for slips, _, candidate in sorted(found)[:limit]]


def distance(one: str, other: str, most: int) -> int:
    """Letters to insert, drop, replace or swap with their neighbour; ``most + 1`` where it takes more."""
    before: list[int] = []
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = above, row, [i]
        for j, against in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
