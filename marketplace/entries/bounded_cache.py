"""A cache of values that are slow to make, bounded by their bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """The most recently used values by key; treat them as frozen. Safe to share between threads.

    Args:
        most: bytes that all together may have; one that takes a quarter of it is not kept.
        cost: bytes of a value.
    """

    def __init__(self, most: int, cost: Callable[[V], int]) -> None:
        self._items: LRUCache[K, V] = LRUCache(most, cost)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def find(self, key: K) -> V | None:
        """The value of a key, if it is still here."""
        with self._lock:
            return self._items.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep a value in place of the key's former one; the least recently used go over the bound."""
        with self._lock:
            if self._items.getsizeof(value) <= self._items.maxsize // 4:
                self._items[key] = value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
