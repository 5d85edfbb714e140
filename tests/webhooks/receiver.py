"""A receiver of webhooks: a real server that keeps what it is sent and answers as it is told to."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.waiting import HANGING


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    def verified(self, secret: str) -> dict[str, Any]:
        """What it tells, proved as receivers do."""
        told: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return told


#: What a receiver does with a request; by default it answers 204.
Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """What came, and what is answered next."""

    port: int = 0
    scheme: str = "http"
    came: list[Received] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    always: Behaviour | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def note(self, received: Received) -> Behaviour | None:
        with self.changed:
            self.came.append(received)
            self.changed.notify_all()
            return self.behaviours.pop(0) if self.behaviours else self.always

    def wait(self, count: int) -> list[Received]:
        """The first requests, once that many came."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.came) >= count, HANGING):
                raise AssertionError(f"{len(self.came)} of {count} requests came")
            return self.came[:count]

    def kinds(self) -> list[str]:
        return [one.told["type"] for one in self.came]


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers with a status."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hang(until: threading.Event) -> Behaviour:
    """Answers nothing before the event is set."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        until.wait(HANGING)
        handler.close_connection = True

    return behave


def drip(until: threading.Event) -> Behaviour:
    """Answers a header, byte by byte, for ever."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not until.is_set():
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)  # what a slow receiver does

    return behave


def flood(handler: BaseHTTPRequestHandler) -> None:
    """Answers without end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(b"A" * 65_536)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            names = {name.lower(): value for name, value in self.headers.items()}
            behave = receiver.note(Received(self.path, names, body))
            try:
                (behave or answer(204))(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *told: object) -> None:
            """The test's output is no place for requests."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *told: object) -> None:
            """Whoever hangs up is no fault."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
