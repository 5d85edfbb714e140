"""Answers about images kept in memory, so that asking at every start of a machine costs nothing.

An answer holds until something that it was made of may have changed: an entry came or went, a
verdict on a certificate, what the site trusts, or the clock. Who notices any of this says
``forget``; a time limit is for what nobody noticed.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from cachetools import LRUCache

from marketplace.usage.tally import Use

#: Answers kept; the oldest unused goes first.
KEPT = 20_000
#: How long one is kept at most.
KEPT_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class RenderedAnswer:
    """A rendered answer.

    Args:
        etag: strong, quoted.
        until: when the clock may make it another one.
        use: what is counted each time that it is given; None counts nothing.
    """

    body: bytes
    etag: str
    begins: datetime
    until: datetime
    use: Use | None = None


class AnswerMemory:
    """Least recently used answers of a process. Safe to share between threads."""

    def __init__(self) -> None:
        self._answers: LRUCache[Hashable, RenderedAnswer] = LRUCache(KEPT)
        self._generation = 0
        self._lock = Lock()

    def find(self, key: Hashable, now: datetime) -> RenderedAnswer | None:
        """An answer that holds."""
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                return None
            if not found.begins <= now < min(found.until, found.begins + KEPT_FOR):
                del self._answers[key]
                return None
            return found

    def generation(self) -> int:
        """A mark to take before anything is read; see ``remember``."""
        return self._generation

    def remember(self, key: Hashable, answer: RenderedAnswer, generation: int) -> None:
        """Keep an answer, unless something changed since it was begun."""
        with self._lock:
            if generation == self._generation:
                self._answers[key] = answer

    def forget(self) -> None:
        """Something changed that answers are made of."""
        with self._lock:
            self._generation += 1
            self._answers.clear()
