"""A content server that can lie: a real HTTP server, with one behaviour for each path."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import HANGING

Behaviour = Callable[["Handler"], None]


class ContentServer:
    """Serves what ``paths`` says; counts requests and bytes of bodies."""

    def __init__(self) -> None:
        self.paths: dict[str, Behaviour] = {}
        #: What the other paths do.
        self.otherwise: Behaviour | None = None
        self.requests: Counter[str] = Counter()
        self.sent = 0
        self.headers: list[dict[str, str]] = []
        #: Set by a behaviour that stalls, when it has begun to; and awaited by it.
        self.stalled, self.go_on = threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.content = self
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, name: str, behaviour: Behaviour | bytes) -> str:
        """Serve something; returns its URL."""
        self.paths[f"/{name}"] = whole(behaviour) if isinstance(behaviour, bytes) else behaviour
        return f"{self.url}/{name}"

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content: ContentServer = self.server.content
        self.content = content
        content.requests[self.path] += 1
        content.headers.append({name.lower(): value for name, value in self.headers.items()})
        behaviour = content.paths.get(self.path, content.otherwise)
        if behaviour is None:
            self.begin(404, 0)
        else:
            behaviour(self)

    do_POST = do_GET

    def begin(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, data: bytes) -> None:
        self.content.sent += len(data)  # before: who has read the last byte goes on at once
        try:
            self.wfile.write(data)
        except OSError:
            self.content.sent -= len(data)
            raise

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at counters."""


def whole(data: bytes, tag: str = '"1"') -> Behaviour:
    """The whole file, or a part of it where a range is asked for."""

    def serve(handler: Handler) -> None:
        start, status = 0, 200
        wanted = handler.headers.get("Range", "")
        if wanted.startswith("bytes=") and handler.headers.get("If-Range") == tag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        headers = {"ETag": tag}
        if status == 206:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.begin(status, len(data) - start, **headers)
        handler.send(data[start:])

    return serve


def cut(data: bytes, after: int, tag: str = '"1"') -> Behaviour:
    """Promises everything and ends early; ranges are answered to the end."""

    def serve(handler: Handler) -> None:
        if handler.headers.get("Range"):
            whole(data, tag)(handler)
            return
        handler.begin(200, len(data), ETag=tag)
        handler.send(data[:after])
        handler.close_connection = True

    return serve


def stall(data: bytes, after: int, tag: str = '"1"') -> Behaviour:
    """Sends some, then waits until the test lets it go on; ranges are answered at once."""

    def serve(handler: Handler) -> None:
        if handler.headers.get("Range"):
            whole(data, tag)(handler)
            return
        handler.begin(200, len(data), ETag=tag)
        handler.send(data[:after])
        handler.wfile.flush()
        handler.content.stalled.set()
        handler.content.go_on.wait(HANGING)
        handler.send(data[after:])

    return serve


def drip(data: bytes) -> Behaviour:
    """A byte now and then, for as long as somebody reads."""

    def serve(handler: Handler) -> None:
        handler.begin(200, len(data))
        for byte in data:
            handler.send(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.02)  # this is what it does

    return serve


def answer(status: int, **headers: str) -> Behaviour:
    """No body."""
    return lambda handler: handler.begin(status, 0, **headers)


@contextmanager
def content_server() -> Iterator[ContentServer]:
    server = ContentServer()
    try:
        yield server
    finally:
        server.close()
