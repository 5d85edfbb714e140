"""A child process as the server sees it: started, asked, killed at the limit, started again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .frames import LENGTH, pack

log = logging.getLogger(__name__)

#: Seconds a new process may take until it is ready, on a machine that is busy with other things.
_START_SECONDS = 60.0
#: What the process inherits of the environment. The rest may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
#: Starts the module with a stand-in for the package above it: importing that one would load the web
#: framework, and double the memory and the start of a process that needs none of it.
_BOOTSTRAP = """
import importlib, sys, types
package = types.ModuleType("marketplace")
package.__path__ = [sys.argv.pop(1)]
sys.modules["marketplace"] = package
importlib.import_module(sys.argv.pop(1)).main()
"""


class ProcessEndedError(Exception):
    """The process ended in the middle of a question; ``status`` is negative for a signal."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the process ended with status {status}")


class KillableProcess:
    """One process at a time, started when it is first asked. Not for several threads, but for ``terminate``.

    Args:
        module: its ``main()`` is run in the process; it calls ``inside.begin`` first.
        arguments: ``sys.argv`` of the process, without the name of the program.
        retirement: questions after which the process is replaced; None for never.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, retirement: int | None = None) -> None:
        self._command = (module, *arguments)
        self._retirement = retirement
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._asked = 0

    @property
    def process_id(self) -> int | None:
        """The id of the process; None where none was started."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start a new process, without waiting until it is ready.

        Raises:
            OSError: the system has no process or descriptor to give.
        """
        package = str(Path(__file__).parent.parent)
        # A new process from the interpreter's file: a fork of a process with threads may hang.
        self._process = subprocess.Popen(  # noqa: S603  # our interpreter, our code, paths from the settings
            [sys.executable, "-P", "-c", _BOOTSTRAP, package, *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            bufsize=0,
        )
        self._ready, self._asked = False, 0

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a request and wait for the answer; a process that is not there is started before.

        Args:
            request: the message, without its length.
            seconds: for request and answer, counted from the moment when the process is ready.

        Raises:
            TimeoutError: no answer came in time; the process is still at it.
            ProcessEndedError: the process ended.
            OSError: the system has no process or descriptor to give.
        """
        if self._asked == self._retirement:
            self.kill()
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self.start()
        if not self._ready:
            self._greet()
        self._asked += 1
        deadline = time.monotonic() + seconds
        self._write(pack(request), deadline)
        return self._receive(deadline)

    def kill(self) -> int:
        """End the process, reap it and return its status; 0 where there is none."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                # Closing sends nothing: the pipes are unbuffered.
                pipe.close()
        return status

    def terminate(self) -> None:
        """End the process and leave reaping it to the thread that waits for its answer."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # it is gone already, which is what is wanted
                process.kill()

    def _greet(self) -> None:
        unconfined = json.loads(self._receive(time.monotonic() + _START_SECONDS))
        if unconfined:
            log.warning(
                "child process keeps rights this system cannot take away",
                extra={"module": self._command[0], "unconfined": unconfined},
            )
        process = self._running()
        assert process.stdin is not None  # noqa: S101  # start() asked for a pipe
        os.set_blocking(process.stdin.fileno(), False)
        self._ready = True

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None  # noqa: S101  # ask() started it
        return self._process

    def _write(self, data: bytes, deadline: float) -> None:
        process = self._running()
        assert process.stdin is not None  # noqa: S101  # start() asked for a pipe
        poll, left = select.poll(), memoryview(data)
        poll.register(process.stdin, select.POLLOUT)
        while left:
            _await(poll, deadline)
            try:
                left = left[os.write(process.stdin.fileno(), left[:65536]) :]
            except BrokenPipeError:
                raise ProcessEndedError(process.wait()) from None

    def _receive(self, deadline: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        return self._read(length, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        process = self._running()
        assert process.stdout is not None  # noqa: S101  # start() asked for a pipe
        poll, data = select.poll(), bytearray()
        poll.register(process.stdout, select.POLLIN)
        while len(data) < count:
            _await(poll, deadline)
            piece = os.read(process.stdout.fileno(), min(count - len(data), 1 << 20))
            if not piece:
                raise ProcessEndedError(process.wait())
            data += piece
        return bytes(data)


def _await(poll: select.poll, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError("no answer in time")
