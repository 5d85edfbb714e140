"""waitress with deadlines: what a client may take its time with, and for how long.

waitress's own timeout starts anew with every byte, so a client that sends one
byte a minute keeps its connection, and one that reads as slowly keeps a
response in memory. Here a request must arrive whole within a time, and a response
must be read at a least speed. See also ``server.py``, which sets the numbers.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import build_http_date

from marketplace.logs import printable
from marketplace.proxies import plain_address


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


#: Path of the question whether the process lives. What answers it may wait for nothing.
PROBE = "/healthz"
PROBLEM_TYPE = "application/problem+json"
#: The request line of what only programs ask for, which get errors as problem documents.
_FOR_PROGRAMS = re.compile(rb"\s*[A-Z]+ (/api/|/fed/|/\.well-known/)")

_CODES = {400: "http.malformed", 408: "http.timeout", 413: "body.size", 431: "http.header-size"}


class WireErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """An error found before the application is reached, in the application's shapes."""

    def execute(self) -> None:
        """Answer with the error and close the connection."""
        error = self.request.error
        accept = getattr(self.request, "headers", {}).get("ACCEPT", "")
        if getattr(self.request, "is_for_programs", False):
            accept = PROBLEM_TYPE
        reason = self._reason()
        self.status = f"{error.code} {error.reason}"
        content_type, body = wire_error(error.code, _CODES.get(error.code, "http"), reason, accept)
        self.response_headers += [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)

    def _reason(self) -> str:
        """What is wrong, as a sentence: waitress names its own settings instead."""
        error, limits = self.request.error, self.channel.adj
        if error.code == 413:
            return f"the body is larger than the {limits.max_request_body_size} bytes that are taken"
        if error.code == 431:
            return f"URL and headers are longer than {limits.max_request_header_size} bytes together"
        return printable(str(error.body)) if error.code < 500 else str(error.reason)


def wire_error(status: int, code: str, reason: str, accept: str) -> tuple[str, bytes]:
    """Content type and body of an error; Accept is only searched for words: nothing here may fail."""
    if "problem+json" in accept:
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": reason,
            "code": code,
            "request_id": uuid4().hex,
        }
        return PROBLEM_TYPE, json.dumps(problem).encode()
    if "json" in accept:
        return "application/json", json.dumps({str(status): reason}).encode()
    if "text/html" in accept:
        # No template: whoever chose a wrong file in a form still gets something to read.
        told = escape(reason[:1].upper() + reason[1:])
        page = (
            f'<!doctype html><html lang="en"><title>{status}</title><h1>{told}</h1><p>Go back and try again.'
        )
        return "text/html; charset=UTF-8", page.encode()
    return "application/xml; charset=UTF-8", f"<error>{escape(reason)}</error>".encode()


#: A first piece of a body up to this size is copied behind its header, to be sent at once.
_JOINED_BYTES = 64 * 1024


@lru_cache(maxsize=256)
def _header_form(names: tuple[str, ...], has_body: bool) -> tuple[str, bool, bool, bool]:
    """Lines for headers of these names, as waitress writes names, with a place for each value.

    Applications use a bounded number of lists of names, so a response costs one look here and not one for
    each header.

    Returns:
        the lines, and whether Content-Length, Date and Server are among them.
    """
    shown = ["-".join(part.capitalize() for part in name.split("-")) for name in names]
    # A percent sign would be a place for a value. A place of no width takes the length of no body.
    lines = [
        f"{name.replace('%', '%%')}: %s\r\n" if has_body or name != "Content-Length" else "%.0s"
        for name in shown
    ]
    return "".join(lines), "Content-Length" in shown, "Date" in shown, "Server" in shown


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    date: str = build_http_date(second)
    return date


class KeepAliveTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Answers a request, and keeps the connection where the response tells its own end.

    waitress closes after every response without a Content-Length, which ends the
    connection of each client that asks whether it has the newest bytes (304).
    """

    def set_close_on_finish(self) -> None:
        """Close afterwards, unless only a missing Content-Length asks for it."""
        tells_its_end = self.chunked_response or not self.has_body
        wants_more = self.version == "1.1" and self.request.headers.get("CONNECTION", "").lower() != "close"
        if not (tells_its_end and wants_more) or self.wrote_header:
            super().set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Send a piece of the body; to HEAD there is none, whatever an application returns."""
        if self.request.command == "HEAD":
            data = b""
        if self.wrote_header or len(data) > _JOINED_BYTES:
            super().write(data)
            return
        # waitress sends header and body apart: two system calls and two packets for each answer.
        self.channel.hold_writes()
        try:
            super().write(data)
        finally:
            self.channel.release_writes()

    def build_response_header(self) -> bytes:
        """The status line and the headers, quickly for what nearly every response is."""
        headers, has_body = self.response_headers, self.has_body
        if (
            self.version != "1.1"
            or (has_body and self.content_length is None)
            or self.request.headers.get("CONNECTION", "").lower() == "close"
        ):
            complete: bytes = super().build_response_header()
            return complete
        form, tells_length, tells_date, tells_server = _header_form(
            tuple([name for name, _ in headers]), has_body
        )
        length = "" if tells_length or not has_body else f"Content-Length: {self.content_length}\r\n"
        date = "" if tells_date else f"Date: {_http_date(int(self.start_time))}\r\n"
        values = form % tuple([value for _, value in headers])
        server = f"{'Via' if tells_server else 'Server'}: {self.channel.adj.ident}\r\n\r\n"
        return f"HTTP/1.1 {self.status}\r\n{values}{length}{date}{server}".encode("latin-1")

    def finish(self) -> None:
        """End the response; one to HEAD has no last chunk either (RFC 9112, section 6.3)."""
        if self.request.command == "HEAD":
            self.chunked_response = False
            if not self.wrote_header:
                self.write(b"")
                self.chunked_response = False
        super().finish()


class RequestTimeout:
    """408 (RFC 9110, section 15.5.9), in the form waitress's error tasks take."""

    code = 408
    reason = "Request Timeout"

    def __init__(self, seconds: float) -> None:
        self.body = f"the request did not arrive whole within {seconds:g} seconds"


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """waitress's parser, refusing what makes it fail instead: broken URLs, endless Content-Lengths.

    A request whose length is told in two ways is the last one of its connection (RFC 9112, section 6.1): a
    proxy may have taken the other one, and think that the rest is the request of somebody else.
    """

    is_for_programs = False

    def received(self, data: bytes) -> int:
        """Take bytes in; of headers that are too long only the request line is looked at."""
        if self.body_rcv is None and not self.is_for_programs:
            self.is_for_programs = _FOR_PROGRAMS.match(self.header_plus + data[:64]) is not None
        taken: int = super().received(data)
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers.

        Raises:
            ParsingError: they are malformed.
        """
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("Request line or Content-Length is invalid") from None
        # HTTP/1.0 knows no codings: one that is named there was passed on by mistake.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            self.headers["CONNECTION"] = "close"
            self.connection_close = True


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


def _is_probe(channel: BoundedChannel) -> bool:
    request = channel.requests[0]
    return request.error is None and request.path == PROBE


class BoundedServer(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """A waitress server with these limits and an orderly end.

    Args:
        application: the WSGI application.
        limits: how slow clients may be.
        kept: a socket that listens at the address already; None where there is none.
        adjustments: waitress's own settings, as ``waitress.serve`` takes them.

    Raises:
        OSError: the address cannot be listened on.
    """

    channel_class = BoundedChannel

    def __init__(
        self,
        application: Any,
        limits: ConnectionLimits,
        kept: socket.socket | None = None,
        **adjustments: Any,
    ) -> None:
        self.limits = limits
        self._next_check = 0.0
        adj = Adjustments(**adjustments)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(adj.threads)
        #: Answers whether the process lives, while all others wait for a lock.
        self._probes = ThreadedTaskDispatcher()
        self._probes.set_thread_count(1)
        super().__init__(
            application,
            {},
            _sock=kept,
            bind_socket=kept is None,
            dispatcher=dispatcher,
            adj=adj,
            sockinfo=adj.listen[0],
        )

    def bind_server_socket(self) -> None:
        """Bind; an IPv6 address that stands for all takes IPv4 too."""
        if self.family == socket.AF_INET6:
            everything = self.sockinfo[3][0] == "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not everything))
        super().bind_server_socket()

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """The address of a connection; IPv4 ones come as such, also over a socket of both families."""
        return (plain_address(addr[0]), *addr[1:])

    def add_task(self, task: BoundedChannel) -> None:
        """Have a request answered; one that asks whether the process lives waits for no other."""
        (self._probes if _is_probe(task) else self.task_dispatcher).add_task(task)

    def run_until(self, stopping: threading.Event, grace_seconds: float) -> None:
        """Serve until the event is set, then finish what was begun, for at most ``grace_seconds``."""
        while not stopping.is_set():
            self._turn()
        # Stop listening; the trigger stays, it is how worker threads wake this loop.
        wasyncore.dispatcher.close(self)
        deadline = time.monotonic() + grace_seconds
        while self.active_channels and time.monotonic() < deadline:
            for channel in list(self.active_channels.values()):
                if channel.is_idle() and not channel.is_new():
                    channel.handle_close()
            self._turn()
        self._probes.shutdown(timeout=1.0)
        self.task_dispatcher.shutdown(timeout=max(1.0, deadline - time.monotonic()))
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        self.trigger.close()

    def maintenance(self, now: float) -> None:
        """Nothing: ``_turn`` enforces more than waitress's own idle time."""

    def _turn(self) -> None:
        wasyncore.loop(timeout=0.5, map=self._map, use_poll=True, count=1)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + 0.5
            for channel in list(self.active_channels.values()):
                channel.enforce(now, self.limits)
        if len(self._map) >= self.adj.connection_limit:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connections that have been silent longest: newcomers may have something to say."""
        idle = sorted(
            (channel for channel in self.active_channels.values() if channel.is_idle()),
            key=lambda channel: channel.last_activity,
        )
        for channel in idle[: max(1, self.adj.connection_limit // 10)]:
            channel.handle_close()
