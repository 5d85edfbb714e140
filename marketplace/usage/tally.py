"""Counts in memory: cheap enough for answers that take microseconds, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

#: Different entries and views that are counted between two writes; uses of further ones are lost, and told.
MOST: Final = 50_000


class UseKind(StrEnum):
    """What is counted. The members of an entry's sums, then those of a view's."""

    #: Somebody asked whether the image may be started, and the entry decided.
    VERDICT = "verdict"
    #: Somebody was sent to where the content of the entry lies.
    DOWNLOAD = "download"
    #: A store of a cloud site has the image of the entry; summed with the receipt that says so.
    IMPORT = "import"
    #: Somebody read a document of the view.
    DOCUMENT = "document"
    #: Somebody was sent on to content by the view.
    VIEW_DOWNLOAD = "view-download"

    # That of the library is written in Python, and is called twice for each use.
    __hash__ = str.__hash__


class Use(NamedTuple):
    """One use: of what kind, and of which entry (its id) or view (its name)."""

    kind: UseKind
    name: str


class Tally:
    """Counts uses until they are taken. Safe to share between threads.

    Names are those of entries and views that are there: who asks for others makes nothing grow.

    Args:
        on_full: called once when half of the room is used.
    """

    def __init__(self, on_full: Callable[[], None] = lambda: None, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Use, int] = {}
        # By whether credentials were shown.
        self._totals = (dict.fromkeys(UseKind, 0), dict.fromkeys(UseKind, 0))
        self._lost = 0
        self._on_full = on_full
        self._most = most

    def add(self, use: Use, known: bool) -> None:
        """Count a use.

        Args:
            known: whether who asked showed credentials.
        """
        with self._lock:
            counts, totals, kind = self._counts, self._totals[known], use[0]
            totals[kind] += 1
            count = counts.get(use)
            if count is not None:
                counts[use] = count + 1
                return
            if len(counts) >= self._most:
                self._lost += 1
                return
            counts[use] = 1
            full = len(counts) == self._most // 2
        if full:
            self._on_full()

    def note_imports(self, count: int) -> None:
        """Count imports in the totals alone: they are in their sums already."""
        with self._lock:
            self._totals[True][UseKind.IMPORT] += count

    def take(self) -> dict[Use, int]:
        """The uses that were counted since the last call."""
        with self._lock:
            counts, self._counts = self._counts, {}
            return counts

    def lose(self, count: int) -> None:
        """Say that uses which were taken cannot be kept."""
        with self._lock:
            self._lost += count

    def totals(self) -> Mapping[tuple[UseKind, bool], int]:
        """Uses since the process began, by kind and whether credentials were shown."""
        with self._lock:
            return {
                (kind, bool(known)): count
                for known, totals in enumerate(self._totals)
                for kind, count in totals.items()
            }

    @property
    def lost(self) -> int:
        """Uses that are in no sum, since the process began."""
        return self._lost
