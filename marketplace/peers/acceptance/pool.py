"""Proves entries in processes of their own, so that a hostile peer starves nobody."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from marketplace.moments import counted
from marketplace.peers.acceptance.protocol import BrokenVerdictError, Refusal, read_verdicts, write_bodies
from marketplace.portions import portions
from marketplace.processes import KillableProcess, ProcessEndedError
from validators.document import AcceptedEntry

#: Bodies in one request, so that several processes share a page.
_CHUNK = 32
#: Seconds a request may take: acceptance of the worst body takes a part of one second.
_SECONDS = 60.0
#: Seconds for one body alone, after the request that it was in failed.
_ALONE_SECONDS = 20.0
#: Bytes of memory each process may have.
MEMORY = 512 * 1024 * 1024
#: The verdict about a body that ended its process or took all its time. Not acceptance's word.
UNFINISHED = "verification.unfinished"

_logger = logging.getLogger(__name__)


class ProcessFailedError(Exception):
    """The process did not answer, or not sensibly; it has been ended."""


class _Verifier:
    """One process that proves entries."""

    def __init__(self) -> None:
        self.process = KillableProcess("marketplace.peers.acceptance.worker", (str(MEMORY),))

    def ask(self, bodies: Sequence[bytes], seconds: float) -> list[AcceptedEntry | Refusal]:
        """The verdicts about some bodies.

        Raises:
            ProcessFailedError: there are none.
        """
        try:
            verdicts = read_verdicts(self.process.ask(write_bodies(bodies), seconds))
        except (OSError, ProcessEndedError, BrokenVerdictError) as error:  # TimeoutError is an OSError
            self.process.kill()
            raise ProcessFailedError(f"{type(error).__name__}: {error}") from None
        if len(verdicts) != len(bodies):
            self.process.kill()
            raise ProcessFailedError(f"{len(verdicts)} verdicts about {len(bodies)} bodies")
        return verdicts


class Verification:
    """A few processes that prove entries; they start with the first one. Safe to share between threads.

    Args:
        size: processes.
    """

    def __init__(self, size: int) -> None:
        self._all = [_Verifier() for _ in range(size)]
        self._idle: queue.SimpleQueue[_Verifier] = queue.SimpleQueue()
        for verifier in self._all:
            self._idle.put(verifier)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="verification")
        self._closing = threading.Lock()

    def verify(self, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        """What acceptance makes of each body, in order."""
        judged = self._threads.map(self._verify_chunk, portions(bodies, _CHUNK))
        return [one for verdicts in judged for one in verdicts]

    def close(self) -> None:
        """End the processes when they have answered what they were asked."""
        with self._closing:
            self._threads.shutdown(wait=True, cancel_futures=True)
            for verifier in self._all:
                verifier.process.kill()

    def _verify_chunk(self, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        verifier = self._idle.get()
        try:
            verdicts = self._ask(verifier, bodies)
        finally:
            self._idle.put(verifier)
        return [
            replace(one, data=body) if isinstance(one, AcceptedEntry) else one
            for one, body in zip(verdicts, bodies, strict=True)
        ]

    def _ask(self, verifier: _Verifier, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        try:
            return verifier.ask(bodies, _SECONDS)
        except ProcessFailedError as error:
            _logger.warning(
                "a verifying process failed over %s: %s", counted(len(bodies), "body", "bodies"), error
            )
        verdicts: list[AcceptedEntry | Refusal] = []
        for body in bodies:
            try:
                verdicts += verifier.ask([body], _ALONE_SECONDS)
            except ProcessFailedError as error:
                verdicts.append(Refusal(UNFINISHED, f"the process that verified it ended ({error})"))
        return verdicts
