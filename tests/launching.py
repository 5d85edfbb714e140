"""Starts programs as processes of their own, which need not load the modules of the product first."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, Protocol

from tests.launcher import LARGEST, Start
from tests.waiting import HANGING

ROOT = Path(__file__).parent.parent
#: The command of the product; what follows are its arguments.
COMMAND = (sys.executable, "-c", "from marketplace.cli import main; main()")
_LAUNCHER = (sys.executable, "-c", "from tests.launcher import main; main()")
#: Variables that the product reads. Any other one may mean something to the interpreter or the C library,
#: which read it when a process begins.
_OF_THE_PRODUCT = (
    "MARKETPLACE_", "STRATUSLAB_", "PYTEST_", "HOME=", "PATH=", "TERM=", "NO_PROXY=", "no_proxy=",
    "NO_COLOR=",
)  # fmt: skip


#: Benchmarks measure processes as users start them.
_FORKS = "PYTEST_VERSION" in os.environ and hasattr(os, "pidfd_open")


class Process(Protocol):
    """What tests use of ``subprocess.Popen``."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Launched:
    """A process that the launcher forked, with the ways of ``subprocess.Popen``."""

    def __init__(self, launcher: _Launcher, pid: int) -> None:
        self._launcher = launcher
        self.pid = pid
        self.returncode: int | None = None
        # The launcher reaps no process before it is asked to, so that this is the right one.
        self._ended = os.pidfd_open(pid)

    def __del__(self) -> None:
        os.close(self._ended)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            self.returncode = self._launcher.wait(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            subprocess.TimeoutExpired: the process still runs after ``timeout`` seconds.
        """
        ended = select.poll()
        ended.register(self._ended, select.POLLIN)
        if self.returncode is None and not ended.poll(None if timeout is None else timeout * 1000):
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Launcher:
    """The process that forks, and the socket to it."""

    def __init__(self) -> None:
        self.environ = dict(os.environ)
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with other:
            number = other.fileno()
            self._process = subprocess.Popen([*_LAUNCHER, str(number)], pass_fds=[number], cwd=ROOT)
        atexit.register(self._end)

    def start(self, start: Start, files: Sequence[int]) -> Launched:
        return Launched(self, int(self._ask(asdict(start), files)))

    def wait(self, pid: int) -> int | None:
        return self._ask({"wait": pid})

    def _ask(self, request: object, files: Sequence[int] = ()) -> int | None:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            answer = self._socket.recv(LARGEST)
        assert answer, "the launcher ended"
        found: int | None = json.loads(answer)
        return found

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(HANGING)


@cache
def _launcher() -> _Launcher:
    return _Launcher()


def launch(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    folder: Path = ROOT,
    stdin: int | None = None,
    stdout: IO[bytes],
    stderr: IO[bytes],
    session: bool = False,
) -> Process:
    """Start a program in Python.

    Args:
        command: the interpreter, ``-c``, the code, and the arguments of the program.
        environ: the whole environment of the process.
        session: whether it gets a session of its own, without a terminal that controls it.
    """
    python, option, code, *words = command
    assert (python, option) == (sys.executable, "-c")
    if not _FORKS or not _told_late(environ):
        return subprocess.Popen(
            command, env=environ, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr,
            start_new_session=session,
        )  # fmt: skip
    files = (0 if stdin is None else stdin, stdout.fileno(), stderr.fileno())
    return _launcher().start(Start(code, words, dict(environ), str(folder), session), files)


def run(
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    *,
    folder: Path = ROOT,
    given: bytes = b"",
    timeout: float = HANGING,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program in Python to its end, and give back what ``subprocess.run`` does.

    Args:
        command: the interpreter, ``-c``, the code, and the arguments of the program.
        environ: the whole environment of the process; by default that of this one.
        given: what it reads.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was ended.
    """
    with tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        read.write(given)
        read.seek(0)
        inherited = os.environ if environ is None else environ
        process = launch(command, inherited, folder=folder, stdin=read.fileno(), stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def run_text(
    command: Sequence[str], environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in Python to its end, and give back what it wrote as text."""
    done = run(command, environ)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def _told_late(environ: Mapping[str, str]) -> bool:
    """Whether a process may be told this environment after its interpreter began."""
    changed = set(environ.items()) ^ set(_launcher().environ.items())
    return all(f"{name}=".startswith(_OF_THE_PRODUCT) for name, _ in changed)
