"""Several digests of one stream at once, on as many threads as processors: hashlib works without the GIL.

Digests differ in what they cost, and by how much depends on the processor. So no thread has a digest of its
own: whichever is free takes the next block of the digest that is furthest behind, and all end together.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Final, Self

#: Algorithm as the format writes it -> as hashlib does.
_HASHLIB: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}
#: Name of the digest that has other bytes before the first block.
COMBINED: Final = "combined"
#: Blocks of one digest that wait at most: what keeps the memory constant.
_WAITING: Final = 4


class Digests:
    """Digests of the blocks given to it. Use it as a context manager: leaving it ends the threads.

    Args:
        algorithms: names as in the metadata format.
        threads: that work on them; by default one for each processor that this process may use.
        before: bytes that one more SHA-256, named ``COMBINED``, has before the first block.

    Raises:
        ValueError: the format does not have one of the algorithms.
    """

    def __init__(
        self, algorithms: Iterable[str], threads: int | None = None, before: bytes | None = None
    ) -> None:
        names = tuple(dict.fromkeys(algorithms))
        unknown = [name for name in names if name not in _HASHLIB]
        if unknown:
            raise ValueError(f"no such digest: {', '.join(unknown)}; there are {', '.join(_HASHLIB)}")
        self._digests = [_Digest(name, hashlib.new(_HASHLIB[name], usedforsecurity=False)) for name in names]
        if before is not None:
            self._digests.append(_Digest(COMBINED, hashlib.sha256(before)))
        lock = Lock()
        self._work, self._room = Condition(lock), Condition(lock)
        self._ended = False
        # Daemons, so that a process which is told to end does not wait for a digest.
        self._threads = [
            Thread(target=self._run, name=f"digests {number}", daemon=True)
            for number in range(min(len(self._digests), threads or _processors()))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def update(self, block: bytes) -> None:
        """Take the next block; waits while some digest is too far behind."""
        with self._room:
            while any(len(digest.blocks) >= _WAITING for digest in self._digests):
                self._room.wait()
            for digest in self._digests:
                digest.blocks.append(block)
            self._work.notify_all()

    def finish(self) -> dict[str, str]:
        """Algorithm -> lower-case hexadecimal digits of all blocks."""
        self._stop()
        return {digest.name: digest.hash.hexdigest() for digest in self._digests}

    def _stop(self) -> None:
        with self._work:
            self._ended = True
            self._work.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self) -> None:
        done: _Digest | None = None
        while (work := self._next(done)) is not None:
            done, block = work
            done.hash.update(block)

    def _next(self, done: _Digest | None) -> tuple[_Digest, bytes] | None:
        """What a thread does next, after it has done a block of a digest; None where all is done."""
        with self._work:
            if done is not None:
                done.busy = False
            while (digest := self._furthest_behind()) is None:
                if self._ended:
                    return None
                self._work.wait()
            digest.busy = True
            block = digest.blocks.popleft()
            if len(digest.blocks) == _WAITING - 1:
                self._room.notify()
            if self._furthest_behind() is not None:
                self._work.notify()
            return digest, block

    def _furthest_behind(self) -> _Digest | None:
        free = [digest for digest in self._digests if digest.blocks and not digest.busy]
        return max(free, key=lambda digest: len(digest.blocks), default=None)


class _Digest:
    """One algorithm, the blocks that wait for it, and whether a thread is at it."""

    def __init__(self, name: str, made: hashlib._Hash) -> None:
        self.name = name
        self.hash = made
        self.blocks: deque[bytes] = deque()
        self.busy = False


def _processors() -> int:
    """How many processors this process may use: a container is often given fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
