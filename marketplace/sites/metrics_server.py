"""Metrics over http, on an address that the operator chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class MetricsServer:
    """Serves ``GET /metrics`` and ``GET /healthz``.

    Args:
        address: ``HOST:PORT``.

    Raises:
        OSError: the address cannot be used.
    """

    def __init__(self, address: str, metrics: Callable[[], bytes]) -> None:
        host, _, port = address.rpartition(":")

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                found = self.path in ("/metrics", "/healthz")
                body = metrics() if self.path == "/metrics" else b"ok\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody wants to read that metrics were read."""

        self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, address: str | None, metrics: Callable[[], bytes]) -> MetricsServer | None:
        """A server where an address is configured."""
        return None if address is None else cls(address, metrics)

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
