"""Query processes seen from the server: started, asked, killed at the limit, replaced."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import QueryBusyError, QueryTimeoutError, QueryTooLargeError, QueryUnavailableError
from .frames import LENGTH, pack

log = logging.getLogger(__name__)

#: Seconds a new process may take until it is ready, on a machine that is busy with other things.
_START_LIMIT = 30.0
#: Queries after which a process is replaced, so that memory it keeps in fragments is given back.
_RETIREMENT = 1000
#: What the process inherits of the environment. The rest may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
#: Starts the worker with a stand-in for the package above it: importing that one would load the web
#: framework, and double the memory and the start of a process that needs none of it.
_BOOTSTRAP = """
import sys, types
package = types.ModuleType("marketplace")
package.__path__ = [sys.argv.pop(1)]
sys.modules["marketplace"] = package
from marketplace.sparql.worker import main
main()
"""


class WorkerDiedError(Exception):
    """The process ended in the middle of a question; ``status`` is negative for a signal."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the query process ended with status {status}")


class _Worker:
    """One process at a time. Not for several threads at once, but for ``kill``."""

    def __init__(self, directory: Path, memory: int) -> None:
        self._arguments = (str(directory), str(memory))
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._asked = 0

    def start(self) -> None:
        """Start the process, without waiting until it is ready.

        Raises:
            OSError: the system has no process or descriptor to give.
        """
        package = str(Path(__file__).parent.parent)
        # A new process from the interpreter's file: a fork of a process with threads may hang.
        self._process = subprocess.Popen(  # noqa: S603  # our interpreter, our code, paths from the settings
            [sys.executable, "-P", "-c", _BOOTSTRAP, package, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            bufsize=0,
        )
        self._ready, self._asked = False, 0

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a request and wait for the answer.

        Raises:
            TimeoutError: none came in time; the process is still at it.
            WorkerDiedError: the process ended.
        """
        if self._asked >= _RETIREMENT:
            self.kill()
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self.start()
        if not self._ready:
            self._greet()
        self._asked += 1
        return self._exchange(request, time.monotonic() + seconds)

    def kill(self) -> int:
        """End the process, reap it and return its status."""
        process = self._process
        if process is None:
            return 0
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                # Closing sends nothing: the pipes are unbuffered.
                pipe.close()
        self._process = None
        return status

    def terminate(self) -> None:
        """End the process and leave reaping it to the thread that waits for its answer."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # it is gone already, which is what is wanted
                process.kill()

    def _greet(self) -> None:
        greeting = json.loads(self._receive(time.monotonic() + _START_LIMIT))
        if greeting["unconfined"]:
            log.warning(
                "query process keeps rights this system cannot take away",
                extra={"unconfined": greeting["unconfined"]},
            )
        self._ready = True

    def _exchange(self, request: bytes, deadline: float) -> bytes:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101  # ask() started it
        try:
            self._process.stdin.write(pack(request))
        except BrokenPipeError:
            raise WorkerDiedError(self._process.wait()) from None
        return self._receive(deadline)

    def _receive(self, deadline: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        return self._read(length, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101  # ask() started it
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        data = bytearray()
        while len(data) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError
            piece = os.read(self._process.stdout.fileno(), min(count - len(data), 1 << 20))
            if not piece:
                raise WorkerDiedError(self._process.wait())
            data += piece
        return bytes(data)


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
        self._all = [_Worker(directory, memory) for _ in range(size)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._places = threading.Semaphore(size + max_waiting)
        self._max_wait = max_wait
        self._memory = memory
        self._closing = threading.Lock()
        self._closed = False
        self._started = False

    def start(self) -> None:
        """Start every process; they become ready while the server goes on starting. Later calls do nothing.

        One that cannot be started is started when it is asked.
        """
        with self._closing:
            if self._started or self._closed:
                return
            self._started = True
        for worker in self._all:
            try:
                worker.start()
            except OSError:
                log.exception("no query process can be started")
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
        return [worker._process.pid for worker in self._all if worker._process is not None]

    def _ask(self, worker: _Worker, request: bytes, seconds: float, *, tries: int = 2) -> bytes:
        try:
            if self._closed:
                raise QueryUnavailableError
            return worker.ask(request, seconds)
        except TimeoutError:
            self._replace(worker)
            raise QueryTimeoutError(seconds) from None
        except WorkerDiedError as error:
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

    def _replace(self, worker: _Worker) -> None:
        """Start the next process at once, so that it is ready when the next query comes."""
        worker.kill()
        with self._closing:
            if not self._closed:
                try:
                    worker.start()
                except OSError:
                    log.exception("no query process can be started")
