"""A connection with deadlines: how long a request may take to arrive, and an answer to be read."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel

from marketplace.connections.messages import KeepAliveTask, StrictParser, WireErrorTask

if TYPE_CHECKING:
    from marketplace.connections.server import BoundedServer


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How slow a client may be.

    Args:
        request_seconds: from a request's first byte to its last.
        idle_seconds: silence between requests.
        read_bytes_per_second: least speed of reading a response, over any ``idle_seconds``.
        linger_seconds: how long the rest of a refused body is read and dropped, so that the
            client gets to see the refusal instead of a broken connection.
    """

    request_seconds: float
    idle_seconds: float
    read_bytes_per_second: int = 2048
    linger_seconds: float = 3.0


class RequestTimeout:
    """408 (RFC 9110, section 15.5.9), in the form waitress's error tasks take."""

    code = 408
    reason = "Request Timeout"

    def __init__(self, seconds: float) -> None:
        self.body = f"the request did not arrive whole within {seconds:g} seconds"


#: Seconds that a new connection has to begin its request while the server stops.
NEW_SECONDS = 0.5


class BoundedChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that knows when its request began and how fast its response is read."""

    task_class = KeepAliveTask
    error_task_class = WireErrorTask
    parser_class = StrictParser
    server: BoundedServer
    request: Any

    def __init__(self, *args: Any, **kw: Any) -> None:
        self._began: float | None = None
        #: Pieces of the answer that will be sent at once; None where each is sent as it comes.
        self._held: list[bytes] | None = None
        #: Until when a request may still be on its way to a new connection.
        self._new_until = time.monotonic() + NEW_SECONDS
        self._arriving: object | None = None
        self._sent = 0
        self._window: tuple[float, int] | None = None
        self._refused = False
        self._lingers_until: float | None = None
        super().__init__(*args, **kw)

    def received(self, data: bytes) -> bool:
        """Pass bytes on to the parser, and note when the request that is arriving began."""
        self._new_until = 0.0
        taken: bool = super().received(data)
        if self.request is not self._arriving:
            self._arriving = self.request
            self._began = None if self.request is None else time.monotonic()
        return taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Count what the client takes."""
        sent: int = super().send(data, do_close=do_close)
        self._sent += sent
        return sent

    def enforce(self, now: float, limits: ConnectionLimits) -> None:
        """End what takes too long; called by the server's own thread, about every second."""
        if self._lingers_until is not None:
            if now > self._lingers_until:
                self._close()
        elif self._reads_too_slowly(now, limits):
            # Not will_close: a socket that cannot be written to would never come up for closing.
            self._close()
        elif self._began is not None and now - self._began > limits.request_seconds and not self.requests:
            self._time_out(limits.request_seconds)
        elif self.is_idle() and time.time() - self.last_activity > limits.idle_seconds:
            self._close()

    def is_idle(self) -> bool:
        """No request arriving, waiting or being answered, and nothing left to send."""
        return not self.requests and self._began is None and not self.total_outbufs_len

    def hold_writes(self) -> None:
        """Keep the bytes that are written until ``release_writes``."""
        self._held = []

    def release_writes(self) -> None:
        """Send what was kept, at once."""
        pieces, self._held = self._held, None
        if pieces:
            super().write_soon(b"".join(pieces))

    def write_soon(self, data: Any) -> int:
        """Send bytes or a file, or keep the bytes while writes are held."""
        if self._held is None:
            written: int = super().write_soon(data)
            return written
        self._held.append(data)
        return len(data)

    def is_new(self) -> bool:
        """Just accepted, and nothing came yet: closing it would reset a request that is on its way."""
        return time.monotonic() < self._new_until

    def _reads_too_slowly(self, now: float, limits: ConnectionLimits) -> bool:
        if not self.total_outbufs_len:
            self._window = None
        elif self._window is None:
            self._window = (now, self._sent)
        else:
            since, sent = self._window
            if now - since >= limits.idle_seconds:
                self._window = (now, self._sent)
                return self._sent - sent < limits.read_bytes_per_second * (now - since)
        return False

    def _time_out(self, seconds: float) -> None:
        with self.requests_lock:
            request, self.request = self.request, None
            self._began = self._arriving = None
            if request is not None:
                request.error = RequestTimeout(seconds)
                request.completed = True
                self.requests.append(request)
                self.server.add_task(self)

    def handle_close(self) -> None:
        """Close, but read on for a moment where the client is still sending what was refused."""
        if self._lingers_until is None and self.connected and self.will_close and self._refused:
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self._close()
                return
            self._lingers_until = time.monotonic() + self.server.limits.linger_seconds
            # Nothing is left to send, and what still comes is dropped. Set here because the loop asks each
            # connection both questions at each turn, and nearly none of them lingers.
            self.readable, self.writable = _yes, _no
            return
        self._close()

    def service(self) -> None:
        """Answer the waiting request, remembering whether it was refused before its body was read."""
        self._refused = self.requests[0].error is not None
        super().service()

    def handle_read(self) -> None:
        """Read, or drop what comes while lingering."""
        if self._lingers_until is None:
            super().handle_read()
            return
        try:
            rest = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            rest = b""
        if not rest:
            self._close()

    def _close(self) -> None:
        self._lingers_until = None
        super().handle_close()


def _yes() -> bool:
    return True


def _no() -> bool:
    return False
