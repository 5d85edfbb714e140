"""Answers over a unix socket, so that a hypervisor's hook needs no network, no file and no library.

``GET /may-start/KEY`` and ``POST /libvirt`` (a domain's XML) answer 200 or 403 with one line of
reason, and ``X-Until`` where the answer ends; ``GET /metrics`` tells what the site counts.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import unquote

from marketplace.sites.decisions.answers import Answer
from marketplace.sites.decisions.domains import MOST_XML, DomainError, judge_domain, parse_domain

log = logging.getLogger(__name__)

NAME = "answer.sock"
#: Seconds that a client may take to send its question.
_PATIENCE = 5.0
#: Clients at a time; a hypervisor starts few machines at once.
_MOST_CLIENTS = 64
_MOST_PATH = 8192
_TEXT = "text/plain; charset=utf-8"


class AnswerServer:
    """Serves answers until ``stop``.

    Args:
        folder: where the socket is made.
        ask: the answer to a key, now.
        metrics: text of the metrics.

    Raises:
        OSError: the socket cannot be made.
    """

    def __init__(self, folder: Path, ask: Callable[[str], Answer], metrics: Callable[[], bytes]) -> None:
        path = folder / NAME
        path.unlink(missing_ok=True)
        self._server = _Server(str(path), _Handler)
        self._server.ask, self._server.metrics = ask, metrics
        path.chmod(0o660)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, name="answers", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    ask: Callable[[str], Answer]
    metrics: Callable[[], bytes]

    def __init__(self, path: str, handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_MOST_CLIENTS)
        super().__init__(path, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a question broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        """Answer a question about a key, or tell the metrics."""
        if self.path.startswith("/may-start/") and len(self.path) <= _MOST_PATH:
            self._answer(self.server.ask(unquote(self.path.removeprefix("/may-start/"))))
        elif self.path == "/metrics":
            self._send(200, self.server.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._send(404, b"ask GET /may-start/KEY or POST /libvirt\n")

    def do_POST(self) -> None:
        """Answer a question about a domain."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/libvirt" or not length.isdecimal() or int(length) > MOST_XML:
            self._send(404, b"POST /libvirt with the XML of a domain, and its length\n")
            return
        try:
            domain = parse_domain(self.rfile.read(int(length)))
        except DomainError as error:
            self._answer(Answer(False, False, None, str(error)))
            return
        self._answer(judge_domain(domain, self.server.ask))

    def _answer(self, answer: Answer) -> None:
        headers = {} if answer.until is None else {"X-Until": str(int(answer.until))}
        headers["X-Known"] = "yes" if answer.known else "no"
        body = answer.reason.encode("utf-8", "replace") + b"\n"
        self._send(200 if answer.allowed else 403, body, headers=headers)

    def _send(self, status: int, body: bytes, type_: str = _TEXT, headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Clients of a unix socket have no address."""
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        """Answers are counted, not logged."""


def ask_socket(folder: Path, request: bytes, patience: float) -> tuple[int, dict[str, str], str]:
    """Ask a running daemon.

    Args:
        request: the whole HTTP request.
        patience: seconds.

    Returns:
        status, headers by their names in lower case, and the line of reason.

    Raises:
        OSError: nobody answers.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(patience)
        client.connect(os.fspath(folder / NAME))
        client.sendall(request)
        answer = b""
        while (piece := client.recv(65536)) and len(answer) < MOST_XML:
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("the daemon's answer is not HTTP")
    lines = (line.decode("latin-1").partition(":") for line in head.split(b"\r\n")[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    return int(words[1]), headers, body.decode("utf-8", "replace").strip()
