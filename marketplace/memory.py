"""What the C library keeps of memory that was let go, and how it gives that back.

glibc keeps what is freed in pools, several for each processor, and gives back only the end of
a pool. Documents of a megabyte become trees of fifty; from eight threads they left
150 MB in these pools, for good. Systems without these two calls have other allocators.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

#: Parameters of mallopt (malloc.h).
_TRIM_THRESHOLD: Final = -1
_ARENA_MAX: Final = -8

#: Pools for all threads: the interpreter's lock lets few of them allocate at the same time.
_POOLS: Final = 2
#: Bytes that may stay at the end of a pool. Set, the library no longer raises it by itself, up to 64 MB.
_KEPT_BYTES: Final = 1_048_576

_library: Final = ctypes.CDLL(None)
_mallopt: Final = getattr(_library, "mallopt", None)
_malloc_trim: Final = getattr(_library, "malloc_trim", None)


def bound_pools() -> None:
    """Let the process have few pools and give back their ends; for the start, before threads make some."""
    if _mallopt is not None:
        _mallopt(_ARENA_MAX, _POOLS)
        _mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """Give what is free in the pools back to the system, which takes some milliseconds."""
    if _malloc_trim is not None:
        _malloc_trim(0)


#: Bytes of documents after which memory is given back while others are at work, which may have to wait for
#: some milliseconds, and where nobody is.
_AFTER, _IDLE_AFTER = 8 * 1_048_576, 65_536


class Returning:
    """Gives free memory back after so much work. Safe to call from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._seen = 0

    def begin(self) -> None:
        """Say that work on a document begins."""
        with self._lock:
            self._working += 1

    def end(self, size: int) -> None:
        """Say that the work ended, and give back what is free if it is time.

        Args:
            size: bytes of the document.
        """
        with self._lock:
            self._working -= 1
            self._seen += size
            if self._seen < (_AFTER if self._working else _IDLE_AFTER):
                return
            self._seen = 0
        give_back()
