"""The server process: the application behind waitress, its limits, and its end."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from ipaddress import ip_network
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import marketplace
from marketplace.config import Settings, in_url
from marketplace.connections.channel import ConnectionLimits
from marketplace.connections.server import BoundedServer
from marketplace.proxies import BehindProxies
from marketplace.request_log import RequestLog
from marketplace.runtime import Runtime, build

log = logging.getLogger("marketplace.server")

#: Seconds that a thread which computes keeps the interpreter while others wait for it. Each step of a request
#: and each statement of a commit waits that long behind a follower: with Python's 0.005, uploads that come
#: fast took a quarter longer.
_TURN = 0.001
#: Seconds that requests in flight get when the process is asked to stop.
GRACE_SECONDS = 15.0
#: Beyond this a body is refused before it is read; up to it the application answers for itself. A form
#: wraps an entry into a few hundred bytes.
_BODY_MARGIN = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024
#: Bytes of an answer that wait in memory, of each connection, where no file can be written.
_MOST_WAITING = 4 * 1024 * 1024


def make_server(application: Any, settings: Settings, listener: socket.socket | None = None) -> BoundedServer:
    """Bind the address and prepare to serve an application.

    Args:
        listener: a socket that listens at the address already; None where there is none.

    Raises:
        OSError: the address cannot be listened on.
    """
    server = settings.server
    most = settings.upload.max_bytes + _BODY_MARGIN
    return BoundedServer(
        BehindProxies(application, [ip_network(one) for one in server.trusted_proxy]),
        ConnectionLimits(request_seconds=server.request_timeout, idle_seconds=server.idle_timeout),
        listener,
        listen=f"{in_url(server.host)}:{server.port}",
        threads=server.threads,
        connection_limit=server.connection_limit,
        max_request_body_size=most,
        # A body stays in memory: for larger ones waitress needs a directory to write to.
        inbuf_overflow=most + 1,
        **_answers(),
        max_request_header_size=_MAX_HEADER_BYTES,
        url_scheme=urlsplit(settings.site.url).scheme,
        ident="marketplace",
        recv_bytes=65536,
        asyncore_use_poll=True,
        # They are cleared, and those of trusted proxies read, above.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
    )


def _answers() -> dict[str, object]:
    """Where answers wait for slow readers: in a file from a megabyte on, if there is a place for one."""
    try:
        with tempfile.TemporaryFile():
            return {}
    except OSError as error:
        log.warning("there is no temporary directory: answers wait in memory", extra={"reason": str(error)})
        return {"outbuf_overflow": _MOST_WAITING + 1, "outbuf_high_watermark": _MOST_WAITING}


def serve(
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    ready: Callable[[str], None] | None = None,
) -> socket.socket | None:
    """Run web server and followers in this process until SIGTERM or SIGINT; returns after an orderly stop.

    Args:
        listener: a socket that listens at the address already; None where there is none.
        ready: called once with the address listened on, when requests are answered.

    Returns:
        the socket with which a new process has to go on, because something was erased: who connects
        meanwhile waits there. None where nothing has to go on.

    Raises:
        OSError: the address cannot be listened on.
        SchemaError: the database has another schema; the message says what to run.
    """
    # At debug level and below there is one line per queued request: the access log tells as much.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sys.setswitchinterval(_TURN)
    runtime = build(settings)
    try:
        runtime.verify_store()
        application = marketplace.make_app(runtime)
        # What is loaded by now lives as long as the process: without this the garbage collector looks at all
        # of it again and again, which stops every thread for a tenth of a second.
        gc.freeze()
        gc.enable()
        again = _run(make_server(application, settings, listener), runtime, ready)
        application.registry[RequestLog].close()
    finally:
        runtime.close()
    log.info("stopped")
    return again


def _run(
    server: BoundedServer, runtime: Runtime, ready: Callable[[str], None] | None
) -> socket.socket | None:
    stopping, asked = threading.Event(), threading.Event()
    going_on: list[socket.socket] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.set()
        stopping.set()
        server.pull_trigger()

    def renew() -> None:
        # Another handle, as the server closes its own.
        going_on.append(server.socket.dup())
        stopping.set()
        server.pull_trigger()

    if runtime.settings.server.renewal:
        runtime.renewal.on_due = renew

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        runtime.start()
        address = f"http://{in_url(server.effective_host)}:{server.effective_port}"
        log.info("serving", extra={"address": address})
        if ready is not None:
            ready(address)
        server.run_until(stopping, GRACE_SECONDS)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return going_on[0] if going_on and not asked.is_set() else None
