"""Long lists are sent by few threads at a time, so that slow readers of them never hold all.

The server takes a response off a thread's hands up to a size; beyond that the
thread waits for the reader, at the reader's speed.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from pyramid.config import Configurator

from marketplace.runtime import Runtime

from .errors import HttpError

#: Bytes that the server surely takes without making the thread wait (waitress: 16 MiB).
FREE_BYTES = 12 * 1024 * 1024
#: Entries whose documents will surely fit into that, as they usually are.
FREE_ENTRIES = 1000

log = logging.getLogger(__name__)


class LongStreamCutError(Exception):
    """A stream grew long while all slots were taken; the reader sees an incomplete response."""


class LongStreams:
    """Slots for streams that may make their thread wait.

    Args:
        slots: how many at a time.
    """

    def __init__(self, slots: int) -> None:
        self._slots = BoundedSemaphore(slots)

    def send(self, chunks: Iterable[bytes], entries: int) -> Iterator[bytes]:
        """Pass chunks on, within a slot as soon as the stream is long.

        Args:
            entries: how many the stream will hold at most.

        Raises:
            HttpError: 503; the stream will be long, and all slots are taken.
        """
        if entries <= FREE_ENTRIES:
            return self._send_short(chunks)
        if not self._slots.acquire(blocking=False):
            raise HttpError(
                503,
                "list.busy",
                "too many long lists are being sent: try again soon, or ask for fewer entries with limit=",
                headers=[("Retry-After", "2")],
            )
        return _SlotChunks(self._slots, chunks)

    def _send_short(self, chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
        sent, rest = 0, iter(chunks)
        for chunk in rest:
            yield chunk
            sent += len(chunk)
            if sent > FREE_BYTES:
                break
        else:
            return
        with self._slot():
            yield from rest

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(blocking=False):
            log.warning("a list grew long while too many long lists were being sent: it was cut")
            raise LongStreamCutError("all slots for long lists are taken")
        try:
            yield
        finally:
            self._slots.release()


class _SlotChunks:
    """Chunks that hold a slot until they end or are closed, also where nobody ever asks for the first one."""

    def __init__(self, slots: BoundedSemaphore, chunks: Iterable[bytes]) -> None:
        self._slots: BoundedSemaphore | None = slots
        self._chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Free the slot; later calls do nothing."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release()
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def includeme(config: Configurator) -> None:
    """Let half of the threads, at most, be in long lists."""
    threads = config.registry[Runtime].settings.server.threads
    config.registry[LongStreams] = LongStreams(max(1, threads // 2))
