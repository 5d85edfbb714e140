"""Several digests of one stream at once: a thread for each, because hashlib works without the GIL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from queue import Queue
from threading import Thread
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
#: Blocks that wait for a thread at most: what keeps the memory constant.
_WAITING: Final = 4


class Digests:
    """Digests of the blocks given to it. Use it as a context manager: leaving it ends the threads.

    Args:
        algorithms: names as in the metadata format.

    Raises:
        ValueError: the format does not have one of the algorithms.
    """

    def __init__(self, algorithms: Iterable[str]) -> None:
        names = tuple(dict.fromkeys(algorithms))
        unknown = [name for name in names if name not in _HASHLIB]
        if unknown:
            raise ValueError(f"no such digest: {', '.join(unknown)}; there are {', '.join(_HASHLIB)}")
        self._workers = [_Worker(name) for name in names]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def update(self, block: bytes) -> None:
        """Take the next block; waits while the slowest thread is too far behind."""
        for worker in self._workers:
            worker.blocks.put(block)

    def finish(self) -> dict[str, str]:
        """Algorithm -> lower-case hexadecimal digits of all blocks."""
        self._stop()
        return {worker.name: worker.hash.hexdigest() for worker in self._workers}

    def _stop(self) -> None:
        for worker in self._workers:
            if worker.thread.is_alive():
                worker.blocks.put(None)
                worker.thread.join()


class _Worker:
    """One algorithm, its queue and its thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hash = hashlib.new(_HASHLIB[name], usedforsecurity=False)
        self.blocks: Queue[bytes | None] = Queue(_WAITING)
        # A daemon, so that a process which is told to end does not wait for a digest.
        self.thread = Thread(target=self._run, name=f"digest {name}", daemon=True)

    def _run(self) -> None:
        while (block := self.blocks.get()) is not None:
            self.hash.update(block)
