"""A real server process for tests: started on a free port, waited for, stopped in order."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from marketplace.authorities import get_authorities
from tests.databases import upgrade
from tests.launching import COMMAND, Process, launch
from tests.waiting import HANGING, wait_for

#: What a client is given as ``verify``. Reading the authorities anew for each client takes longer than an
#: answer does, and asking a server that starts would take as much time as its start.
AUTHORITIES = get_authorities()
START_SECONDS = HANGING
#: The grace of a server that stops is 15 s.
STOP_SECONDS = HANGING


@dataclass
class RunningServer:
    """A server process and how to reach it."""

    process: Process
    port: int
    data: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data / 'marketplace.sqlite'}"

    def client(self, **options: object) -> httpx.Client:
        """A client that knows the address and follows nothing."""
        return httpx.Client(
            base_url=self.url, timeout=HANGING, trust_env=False, verify=AUTHORITIES, **options
        )

    def connect(self, timeout: float = HANGING) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def stop(self) -> int:
        """Ask the process to stop; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def await_log(self, **fields: object) -> dict[str, object]:
        """The first line of the log with these fields; requests are logged a moment after their answer."""

        def find() -> dict[str, object] | None:
            return next((line for line in self.log_lines() if fields.items() <= line.items()), None)

        found = wait_for(find, START_SECONDS, lambda: f"the log has no line with {fields}")
        assert found is not None
        return found

    def log_lines(self) -> list[dict[str, object]]:
        """What the process has logged, line by line; each must be JSON."""
        # The last line may not be there as a whole yet.
        lines = self.log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]


#: Below the ports that systems give to outgoing connections: one of these could take the port of a
#: server that is down between two starts.
PORTS = range(10_000, 32_768)


def free_port() -> int:
    """A port for a server that may be stopped and started again on it."""
    # Not by the seed that a test may have set: tests run side by side.
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as sock, suppress(OSError):  # the next port is tried
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


#: Tests load a server from one address faster than anybody uses one; those of the limits set their own.
UNLIMITED = {"limit_uploads": "0", "limit_queries": "0", "limit_endorser": "0", "limit_token": "0"}


@contextmanager
def running_server(data: Path, port: int = 0, **settings: str) -> Iterator[RunningServer]:
    """Start a server over a data directory; settings are written ``upload_legacy="accept"``."""
    upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
    server = start(data, port, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.process.kill()
                raise


def start(data: Path, port: int = 0, *, command: Sequence[str] = COMMAND, **settings: str) -> RunningServer:
    """Start a server process and wait until it is ready; port 0 stands for any that is free.

    Args:
        command: starts the product; what follows are its arguments.
    """
    port = port or free_port()
    given = UNLIMITED | {"data": str(data), "server_port": str(port), "site_url": f"http://127.0.0.1:{port}"}
    given |= settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    environ |= {f"MARKETPLACE_{name.upper()}": value for name, value in given.items()}
    log = data / "server.log"
    with log.open("ab") as sink:
        process = launch([*command, "serve"], environ, stdout=sink, stderr=sink)
    server = RunningServer(process, port, data, log)
    await_ready(server)
    return server


def await_ready(server: RunningServer, url: str = "") -> None:
    """Wait until a server answers that it is ready.

    Args:
        url: its base URL, where that is not the one of this machine.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{server.log.read_text()[-4000:]}")
        with suppress(httpx.TransportError):  # it does not listen yet
            path = f"{url or server.url}/readyz"
            if httpx.get(path, timeout=5, trust_env=False, verify=AUTHORITIES).status_code == 200:
                return
        time.sleep(0.05)  # between two looks at another process
    server.process.kill()
    raise RuntimeError(f"the server was not ready in time:\n{server.log.read_text()[-4000:]}")
