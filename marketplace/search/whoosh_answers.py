"""Answers to queries on one state of a Whoosh index. They hold all that they need, and no file.

So several searches share one, and it is remembered for as long as its state is the newest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple

from pyroaring import BitMap

from marketplace.search.engine import Equals
from marketplace.search.equals import Weighed, best, score_of
from marketplace.search.errors import SearchRefusedError
from marketplace.search.remembered import Remembered
from marketplace.search.whoosh_segments import Postings
from marketplace.search.words import WordQuery

#: Seconds that finding entries may take, and ranking them.
TIME_LIMIT = 1.5
#: Bytes of answers that are remembered for each state of an index.
ANSWER_BYTES = 8 * 2**20
#: Bytes that a set takes besides its members, about, and those of a member.
_SET_BYTES, _MEMBER_BYTES = 250, 2
#: The usual constants of BM25: how much a long field counts against a word, and how soon repeating it
#: adds no more.
_LENGTH, _SATURATION = 0.75, 1.2


class Deadline:
    """When what begins now has to be done."""

    def __init__(self) -> None:
        self._end = time.monotonic() + TIME_LIMIT

    def check(self) -> None:
        """Go on if there is time.

        Raises:
            SearchRefusedError: there is none.
        """
        if time.monotonic() > self._end:
            raise SearchRefusedError(
                "search.too-costly", "The search takes too long to answer; use rarer words, or fewer."
            )


class Held(NamedTuple):
    """A word or phrase, and the entries that hold it.

    Args:
        field: where it is looked for.
        holding: how many entries hold it.
        parts: what was read of each segment, with the keys that are deleted there.
    """

    field: str
    holding: int
    parts: Sequence[tuple[Postings, BitMap]]


class WhooshMatches:
    """The answer to one query; see Matches.

    Args:
        keys: of the entries that fit; treat them as frozen.
        held: the words and phrases that have weight.
        entries: how many the index has.
        averages: how many words each field has on average.
        whole: whether the index ever held everything.
    """

    def __init__(
        self, keys: BitMap, held: Sequence[Held], entries: int, averages: Mapping[str, float], *, whole: bool
    ) -> None:
        self.keys = keys
        self.whole = whole
        self._held = held
        self._entries = entries
        self._averages = averages
        self._weighed: list[Weighed] | None = None

    def bytes(self) -> int:
        """Bytes of memory, about, where everything in it is weighed."""
        size = _SET_BYTES + _MEMBER_BYTES * len(self.keys)
        for one in self._held:
            for postings, _ in one.parts:
                size += posting_bytes(postings)
        return size

    def best(self, among: BitMap, limit: int, last: float | None = None) -> list[Equals]:
        """The best-fitting entries among some; see Matches."""
        return best(among & self.keys, self._weights(), limit, last, Deadline().check)

    def score_of(self, entry_key: int) -> float | None:
        """The score that an entry has by now; see Matches. Other entries' arrival shifts all a little."""
        return score_of(entry_key, self._weights()) if entry_key in self.keys else None

    def _weights(self) -> list[Weighed]:
        if self._weighed is None:
            self._weighed = [self._weigh(one) for one in self._held]
        return self._weighed

    def _weigh(self, held: Held) -> Weighed:
        """What a word or phrase adds to the score of each entry that holds it: Okapi BM25."""
        rarity = log(self._entries / (held.holding + 1)) + 1
        average = self._averages.get(held.field, 1.0)
        alike: dict[tuple[int, float], BitMap] = {}
        for postings, dead in held.parts:
            for one, keys in postings.alike.items():
                live = keys - dead if dead else keys
                alike[one] = alike[one] | live if one in alike else live
        added: dict[int, list[tuple[float, BitMap]]] = {}
        for (length, weight), keys in alike.items():
            damped = weight + _SATURATION * (1 - _LENGTH + _LENGTH * length / average)
            added.setdefault(length, []).append((rarity * weight * (_SATURATION + 1) / damped, keys))
        return Weighed(held.field, added)


def posting_bytes(postings: Postings) -> int:
    """Bytes of memory, about: each key stands in two sets."""
    return _SET_BYTES * (1 + len(postings.alike)) + 2 * _MEMBER_BYTES * len(postings.keys)


def answer_cache() -> Remembered[WordQuery, WhooshMatches]:
    """An empty one, for one state of an index."""
    return Remembered(ANSWER_BYTES, WhooshMatches.bytes)
