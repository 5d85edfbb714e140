"""Plain web servers: of folders, and of the content of images that the locations of entries name."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Folder(SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        """The test's output is no place for requests."""


def folder_at(folder: Path) -> AbstractContextManager[str]:
    """A web server of the files in a folder; yields its address. Files without a suffix are octets."""
    return _serving(partial(_Folder, directory=str(folder)))


def images_at(contents: Mapping[str, bytes]) -> AbstractContextManager[str]:
    """A web server that has images; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = contents.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *told: object) -> None:
            """The test's output is no place for requests."""

    return _serving(Handler)


@contextmanager
def _serving(handler: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
