"""A proxy that loses uploads on demand: before they reach the marketplace, or on the way back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.functional.running import AUTHORITIES


class CuttingProxy:
    """Hands requests on; ``cut`` says what becomes of the next uploads: ``before``, ``after`` or nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cut = ""
        self.uploads: list[bytes] = []
        #: Called with each upload before it is handed on.
        self.before: Callable[[bytes], object] = lambda body: None


@contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """Run a proxy in front of a marketplace."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._hand_on(b"")

        def do_POST(self) -> None:
            self._hand_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _hand_on(self, body: bytes) -> None:
            is_upload = self.command == "POST" and self.path.startswith("/metadata")
            if is_upload and proxy.cut == "before":
                return
            if is_upload:
                proxy.before(body)
            kept = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "connection")
            }
            answer = httpx.request(
                self.command, target + self.path, content=body, headers=kept, verify=AUTHORITIES
            )
            if is_upload:
                proxy.uploads.append(body)
                if proxy.cut == "after":
                    return
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Location", "Content-Location"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = CuttingProxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
