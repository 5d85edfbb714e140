"""Immutable entries kept in memory, so that serving one again costs no database.

Holds public entries only, by their public coordinates, which no other entry has: which
of several is shown can change. An entry's bytes never do; that a second one arrives from
elsewhere is what ``forget`` and the time limit are for; ``elsewhere`` sees what other processes store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from cachetools import TTLCache

from validators.document import Coordinates

#: What one item costs beside its bytes, about: key, objects, dictionary slot.
_OVERHEAD_BYTES = 700


@dataclass(frozen=True, slots=True)
class RememberedEntry:
    """The bytes of an entry as received, and their strong entity tag (quoted)."""

    data: bytes
    etag: str

    @classmethod
    def of(cls, data: bytes) -> RememberedEntry:
        """Wrap the bytes of an entry."""
        return cls(data, f'"{sha256(data).hexdigest()[:32]}"')


class EntryCache:
    """Least recently used entries, bounded in bytes, for all threads of a process.

    Args:
        max_bytes: memory allowed; 0 remembers nothing.
        max_age: seconds an item is served before the database is asked again.
        clock: monotonic seconds.
    """

    def __init__(
        self, max_bytes: int, max_age: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._items: TTLCache[str, RememberedEntry] = TTLCache(max_bytes, max_age, clock, _cost)
        self._generation = 0
        self._lock = Lock()
        #: How often ``find`` found something, and how often it did not.
        self.hits = 0
        self.misses = 0

    def find(self, path: str) -> RememberedEntry | None:
        """The entry at ``IDENTIFIER/EMAIL/CREATED``, if it is remembered and fresh."""
        with self._lock:
            found = self._items.get(path)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
            return found

    def generation(self) -> int:
        """A mark to take before reading the database; see ``remember``."""
        return self._generation

    def remember(self, path: str, entry: RememberedEntry, generation: int) -> None:
        """Keep an entry, unless something was forgotten since it was read: it may be what was forgotten."""
        with self._lock:
            if generation == self._generation and _cost(entry) <= self._items.maxsize:
                self._items[path] = entry

    def forget(self, path: str) -> None:
        """Ask the database next time: what is shown at these coordinates may have changed."""
        with self._lock:
            self._generation += 1
            self._items.pop(path, None)

    def forget_all(self, coordinates: Sequence[Coordinates]) -> None:
        """Forget what is remembered at some coordinates."""
        if not coordinates:
            return
        with self._lock:
            self._generation += 1
            if self._items:  # a site that takes in a whole log has hardly served an entry
                for one in coordinates:
                    self._items.pop(one.path(), None)

    def forget_everything(self) -> None:
        """Ask the database next time, whatever is asked for."""
        with self._lock:
            self._generation += 1
            self._items.clear()

    def size(self) -> tuple[int, int]:
        """How many entries are remembered, and the bytes they are counted with."""
        with self._lock:
            self._items.expire()
            return len(self._items), int(self._items.currsize)


def _cost(entry: RememberedEntry) -> int:
    return len(entry.data) + _OVERHEAD_BYTES
