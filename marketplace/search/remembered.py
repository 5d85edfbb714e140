"""Values that are dear to make and cheap to keep, as many as a bound of bytes lets in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The most recently used values by key; treat them as frozen. Safe to share between threads.

    Args:
        most: bytes that all together may have; one that takes a quarter of it is not kept.
        cost: bytes of a value.
    """

    def __init__(self, most: int, cost: Callable[[V], int]) -> None:
        self._most = most
        self._cost = cost
        self._items: OrderedDict[K, V] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def find(self, key: K) -> V | None:
        """The value of a key, if it is still here."""
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
            return found

    def keep(self, key: K, value: V) -> None:
        """Keep a value, and forget the least recently used ones over the bound."""
        cost = self._cost(value)
        with self._lock:
            if key in self._items or cost > self._most // 4:
                return
            self._items[key] = value
            self._bytes += cost
            while self._bytes > self._most:
                _, dropped = self._items.popitem(last=False)
                self._bytes -= self._cost(dropped)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._bytes = 0
