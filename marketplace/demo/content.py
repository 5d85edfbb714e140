"""The demo's content server: the files that locations of its entries name, on loopback only."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
#: Where a free port is looked for first, so that addresses stay the same where they can.
_FIRST, _LAST = 6544, 6550


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """The terminal shows the demo."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever reads may stop at any moment, as those do who only look at a beginning."""


def free_port() -> int:
    """A port on which nobody listens, one of a few where one of them is free."""
    for port in (*range(_FIRST, _LAST + 1), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[str]:
    """A server of the files of a folder; its URL.

    Args:
        port: 0 takes any that is free.

    Raises:
        OSError: somebody else listens there.
    """
    server = _Server((HOST, port), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def start(folder: Path, port: int) -> bool:
    """Start a server in a separate process, which ends with this one, even after an exec.

    Returns:
        Whether it listens: False where the port is taken.
    """
    ours, theirs = socket.socketpair()
    words = [
        sys.executable,
        "-c",
        "from marketplace.demo.content import main; main()",
        str(folder),
        str(port),
    ]
    with theirs:
        process = subprocess.Popen(  # noqa: S603  # our own command
            words, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
        )
    listens = ours.recv(1) != b""
    if not listens:
        process.wait()
    os.set_inheritable(ours.detach(), True)  # never closed: its end is how the server learns of ours
    return listens


def main() -> None:
    """Serve a folder, say so with one byte, and end when nobody holds the other end any more."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        with serving(folder, port):
            sys.stdout.write(".")
            sys.stdout.flush()
            sys.stdin.read()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise


if __name__ == "__main__":
    main()
