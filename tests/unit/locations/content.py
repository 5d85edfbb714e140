"""A web server for content, that misbehaves on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ContentServer:
    """Serves ``files`` by path; ``answers`` by path are (status, headers, body) instead; counts requests."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.without_head = False
        self.without_range = False
        self.asked: list[tuple[str, str]] = []
        self.sent = 0


@contextmanager
def content_server() -> Iterator[ContentServer]:
    """Serve content on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, body: bytes | None) -> None:
            site.asked.append((self.command, self.path))
            if self.path in site.answers:
                status, headers, content = site.answers[self.path]
            elif self.command == "HEAD" and site.without_head:
                status, headers, content = 405, {}, b""
            elif self.path not in site.files:
                status, headers, content = 404, {}, b"nothing"
            else:
                status, headers, content = self._file(site.files[self.path])
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if body is None:
                # Counted first: who has the whole answer may look before this thread goes on.
                site.sent += len(content)
                self.wfile.write(content)

        def _file(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
            asked = self.headers.get("Range", "")
            if not asked or site.without_range:
                return 200, {}, content
            first, _, last = asked.removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last) + 1]
            return 206, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"}, part

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asks may go away, or speak TLS, at any moment."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = ContentServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
