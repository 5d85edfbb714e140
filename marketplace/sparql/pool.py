"""A few query processes and a short queue in front of them."""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from marketplace.processes import KillableProcess, ProcessEndedError

from .errors import QueryBusyError, QueryTimeoutError, QueryTooLargeError, QueryUnavailableError

log = logging.getLogger(__name__)

#: Queries after which a process is replaced, so that memory it keeps in fragments is given back.
_RETIREMENT = 1000


class WorkerPool:
    """A fixed number of query processes, and a short queue in front of them.

    Args:
        directory: where the generations of the store are; must exist.
        size: processes.
        max_waiting: callers that wait while every process is taken; more are refused.
        max_wait: seconds a caller waits at most.
        memory: bytes each process may have.
    """

    def __init__(self, directory: Path, *, size: int, max_waiting: int, max_wait: float, memory: int) -> None:
        self._all = [
            KillableProcess(
                "marketplace.sparql.worker", (str(directory), str(memory)), retirement=_RETIREMENT
            )
            for _ in range(size)
        ]
        self._idle: queue.SimpleQueue[KillableProcess] = queue.SimpleQueue()
        self._places = threading.Semaphore(size + max_waiting)
        self._max_wait = max_wait
        self._memory = memory
        self._closing = threading.Lock()
        self._closed = False
        self._started = False

    def start(self) -> None:
        """Take queries from now on; later calls do nothing.

        Each process is started by the first query that it gets: many a site is never asked one.
        """
        with self._closing:
            if self._started or self._closed:
                return
            self._started = True
        for worker in self._all:
            self._idle.put(worker)

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Have some process answer a request.

        Raises:
            QueryBusyError: too many callers wait already, or this one waited too long.
            QueryTimeoutError: it took longer than ``seconds`` and was killed.
            QueryTooLargeError: the process died of it: out of memory or of stack.
            QueryUnavailableError: no process can be started, or the pool is closed.
        """
        if self._closed:
            raise QueryUnavailableError
        if not self._places.acquire(blocking=False):
            raise QueryBusyError
        try:
            worker = self._idle.get(timeout=self._max_wait)
        except queue.Empty:
            self._places.release()
            raise QueryBusyError from None
        try:
            return self._ask(worker, request, seconds)
        finally:
            self._idle.put(worker)
            self._places.release()

    def close(self) -> None:
        """End every process and wait until they are gone; open questions are answered as unavailable."""
        with self._closing:
            self._closed = True
            if not self._started:
                return
        for worker in self._all:
            worker.terminate()
        for _ in self._all:
            # Each comes back when its caller has noticed.
            with contextlib.suppress(queue.Empty):
                self._idle.get(timeout=self._max_wait).kill()

    def process_ids(self) -> Sequence[int]:
        """The ids of the living processes, for measurements."""
        return [number for worker in self._all if (number := worker.process_id) is not None]

    def _ask(self, worker: KillableProcess, request: bytes, seconds: float, *, tries: int = 2) -> bytes:
        try:
            if self._closed:
                raise QueryUnavailableError
            return worker.ask(request, seconds)
        except TimeoutError:
            self._replace(worker)
            raise QueryTimeoutError(seconds) from None
        except ProcessEndedError as error:
            self._replace(worker)
            if error.status == -signal.SIGKILL and tries > 1:
                # A query that needs too much ends its process otherwise: somebody killed it from outside,
                # perhaps before it was asked, and that is not this caller's affair.
                return self._ask(worker, request, seconds, tries=tries - 1)
            if self._closed or error.status >= 0:
                raise QueryUnavailableError from None
            log.warning("a query ended its process", extra={"signal": -error.status})
            raise QueryTooLargeError(
                f"the query needs more than the {self._memory >> 20} MiB of memory it may have,"
                " or is nested too deep"
            ) from None
        except OSError:
            log.exception("no query process can be started")
            raise QueryUnavailableError from None

    def _replace(self, worker: KillableProcess) -> None:
        """Start the next process at once, so that it is ready when the next query comes."""
        worker.kill()
        with self._closing:
            if not self._closed:
                try:
                    worker.start()
                except OSError:
                    log.exception("no query process can be started")
