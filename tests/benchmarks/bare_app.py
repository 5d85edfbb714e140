"""A Pyramid application with one view and nothing else, behind the project's own server: the floor for GET.

``python -m tests.benchmarks.bare_app PORT FILE`` serves FILE's bytes under ``/bare/A/B/C``.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from marketplace.config import Settings
from marketplace.server import make_server


def main() -> None:
    port, file = sys.argv[1:]
    body = Path(file).read_bytes()

    def view(request: Request) -> Response:
        return Response(body=body, content_type="application/rdf+xml")

    config = Configurator()
    config.add_route("bare", "/bare/{first}/{second}/{third}")
    config.add_view(view, route_name="bare")
    server = make_server(config.make_wsgi_app(), Settings.from_mapping({"server.port": port}))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    server.run_until(stopping, 1.0)


if __name__ == "__main__":
    main()
