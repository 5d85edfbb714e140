"""Proves entries in processes of their own, so that a hostile peer starves nobody."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from marketplace.peers.verdicts import BrokenVerdictError, Refusal, read_verdicts, write_bodies
from marketplace.sparql.frames import LENGTH, pack
from validators.document import AcceptedEntry

#: Bodies in one request, so that several processes share a page.
_CHUNK = 32
#: Seconds a request may take: acceptance of the worst body takes a part of one second.
_SECONDS = 60.0
#: Seconds for one body alone, after the request that it was in failed.
_ALONE_SECONDS = 20.0
#: Seconds a new process may take until it is ready, on a machine that is busy with other things.
_START_SECONDS = 60.0
#: Bytes of memory each process may have.
MEMORY = 512 * 1024 * 1024
#: What the process inherits of the environment. The rest may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
#: Starts the process with a stand-in for the package above it, which would load the web framework.
_BOOTSTRAP = """
import sys, types
package = types.ModuleType("marketplace")
package.__path__ = [sys.argv.pop(1)]
sys.modules["marketplace"] = package
from marketplace.peers.verifier import main
main()
"""
#: The verdict about a body that ended its process or took all its time. Not acceptance's word.
UNFINISHED = "verification.unfinished"

_logger = logging.getLogger(__name__)


class ProcessFailedError(Exception):
    """The process did not answer, or not sensibly; it has been ended."""


class _Process:
    """One process at a time, started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, bodies: Sequence[bytes], seconds: float) -> list[AcceptedEntry | Refusal]:
        """The verdicts about some bodies.

        Raises:
            ProcessFailedError: there are none.
        """
        try:
            process = self._ready()
            deadline = time.monotonic() + seconds
            self._write(process, pack(write_bodies(bodies)), deadline)
            verdicts = read_verdicts(self._frame(process, deadline))
        except (OSError, EOFError, TimeoutError, BrokenVerdictError) as error:
            self.kill()
            raise ProcessFailedError(f"{type(error).__name__}: {error}") from None
        if len(verdicts) != len(bodies):
            self.kill()
            raise ProcessFailedError(f"{len(verdicts)} verdicts about {len(bodies)} bodies")
        return verdicts

    def kill(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # its process is gone already
                    pipe.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.kill()
        package = str(Path(__file__).parent.parent)
        # A new process from the interpreter's file: a fork of a process with threads may hang.
        self._process = subprocess.Popen(  # noqa: S603  # our interpreter and our code
            [sys.executable, "-P", "-c", _BOOTSTRAP, package, str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            bufsize=0,
        )
        missing = self._frame(self._process, time.monotonic() + _START_SECONDS).decode()
        if missing:
            _logger.warning(
                "verifying process keeps rights this system cannot take away", extra={"unconfined": missing}
            )
        assert self._process.stdin is not None  # noqa: S101  # asked for above
        os.set_blocking(self._process.stdin.fileno(), False)
        return self._process

    def _write(self, process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
        assert process.stdin is not None  # noqa: S101  # a pipe was asked for
        poll, left = select.poll(), memoryview(data)
        poll.register(process.stdin, select.POLLOUT)
        while left:
            _await(poll, deadline)
            left = left[os.write(process.stdin.fileno(), left[:65536]) :]

    def _frame(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(process, LENGTH.size, deadline))
        return self._read(process, length, deadline)

    def _read(self, process: subprocess.Popen[bytes], count: int, deadline: float) -> bytes:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        poll, data = select.poll(), bytearray()
        poll.register(process.stdout, select.POLLIN)
        while len(data) < count:
            _await(poll, deadline)
            piece = os.read(process.stdout.fileno(), min(count - len(data), 1 << 20))
            if not piece:
                raise EOFError("the process ended")
            data += piece
        return bytes(data)


def _await(poll: select.poll, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError("no answer in time")


class Verification:
    """A few processes that prove entries; they start with the first one. Safe to share between threads.

    Args:
        size: processes.
    """

    def __init__(self, size: int) -> None:
        self._all = [_Process() for _ in range(size)]
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="verification")
        self._closing = threading.Lock()

    def verify(self, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        """What acceptance makes of each body, in order."""
        chunks = [bodies[at : at + _CHUNK] for at in range(0, len(bodies), _CHUNK)]
        return [one for verdicts in self._threads.map(self._verify_chunk, chunks) for one in verdicts]

    def close(self) -> None:
        """End the processes when they have answered what they were asked."""
        with self._closing:
            self._threads.shutdown(wait=True, cancel_futures=True)
            for process in self._all:
                process.kill()

    def _verify_chunk(self, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        process = self._idle.get()
        try:
            verdicts = self._ask(process, bodies)
        finally:
            self._idle.put(process)
        return [
            replace(one, data=body) if isinstance(one, AcceptedEntry) else one
            for one, body in zip(verdicts, bodies, strict=True)
        ]

    def _ask(self, process: _Process, bodies: Sequence[bytes]) -> list[AcceptedEntry | Refusal]:
        try:
            return process.ask(bodies, _SECONDS)
        except ProcessFailedError as error:
            _logger.warning("a verifying process failed over %d bodies: %s", len(bodies), error)
        verdicts: list[AcceptedEntry | Refusal] = []
        for body in bodies:
            try:
                verdicts += process.ask([body], _ALONE_SECONDS)
            except ProcessFailedError as error:
                verdicts.append(Refusal(UNFINISHED, f"proving it ended its process ({error})"))
        return verdicts
