"""Counts of lists, cached for as long as they cannot change.

A page is found through an index; a count must look at everything that might
match. It depends on what the logs show, and on the clock only when the
next entry expires: until then it is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")

#: Answers kept; the oldest unused goes first.
CAPACITY = 2048


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When an answer holds.

    Args:
        version: of the scope it was computed from.
        since: seconds since 1970 it holds from.
        until: last second since 1970 it holds at.
    """

    version: Hashable
    since: int
    until: int

    def covers(self, version: Hashable, now: int) -> bool:
        """Whether it holds for a scope of that version at that second."""
        return self.version == version and self.since <= now <= self.until


class AnswerCache(Generic[T]):
    """Remembers answers with their lifetimes; shared by all threads of a process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._answers: LRUCache[Hashable, tuple[Lifetime, T]] = LRUCache(capacity)
        self._lock = threading.Lock()

    def get(
        self,
        question: Hashable,
        version: Hashable,
        now: int,
        compute: Callable[[], tuple[Lifetime, T]],
    ) -> T:
        """The remembered answer while it holds, else what ``compute`` returns."""
        held = self._find(question, version, now)
        if held is not None:
            return held[1]
        lifetime, answer = compute()
        with self._lock:
            self._answers[question] = (lifetime, answer)
        return answer

    def find(self, question: Hashable, version: Hashable, now: int) -> T | None:
        """The cached count while it is valid; None otherwise."""
        held = self._find(question, version, now)
        return None if held is None else held[1]

    def _find(self, question: Hashable, version: Hashable, now: int) -> tuple[Lifetime, T] | None:
        with self._lock:
            held = self._answers.get(question)
            return held if held is not None and held[0].covers(version, now) else None
