"""Connections have deadlines: for arriving, for idling, for reading, and for the end of the server."""

from __future__ import annotations

import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from marketplace.config import Settings
from marketplace.connections import channel
from marketplace.connections.channel import BoundedChannel, ConnectionLimits
from marketplace.connections.server import BoundedServer
from marketplace.server import make_server
from tests.waiting import HANGING

SHORT = ConnectionLimits(request_seconds=1.5, idle_seconds=2, read_bytes_per_second=100_000, linger_seconds=1)
#: Where no deadline is tested none may come on a busy machine.
LONG = replace(SHORT, request_seconds=HANGING, idle_seconds=HANGING)
BIG = 40 * 1024 * 1024


class App:
    """Answers ``/``, streams much under ``/big``, and under ``/wait`` waits until released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.entered.set()
            assert self.release.wait(HANGING)
        if path == "/big":
            start_response("200 OK", [("Content-Length", str(BIG))])
            return (b"x" * 65536 for _ in range(BIG // 65536))
        if path == "/304":
            start_response("304 Not Modified", [("ETag", '"x"')])
            return []
        if path == "/stream":
            start_response("200 OK", [])
            return iter(() if environ["REQUEST_METHOD"] == "HEAD" else (b"one", b"two"))
        if path == "/broken":
            start_response("200 OK", [])
            return broken()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


def broken() -> Iterator[bytes]:
    yield b"one"
    raise RuntimeError("in the middle of a stream")


@contextmanager
def running(
    app: Callable, limits: ConnectionLimits = LONG, **adjustments: object
) -> Iterator[tuple[BoundedServer, Callable[[], None]]]:
    server = BoundedServer(
        app,
        limits,
        host="127.0.0.1",
        port=0,
        threads=2,
        ident="marketplace",
        max_request_body_size=10_000,
        max_request_header_size=4096,
        asyncore_use_poll=True,
        **adjustments,
    )
    stopping = threading.Event()
    thread = threading.Thread(target=server.run_until, args=(stopping, HANGING))
    thread.start()

    def stop() -> None:
        stopping.set()
        server.pull_trigger()

    try:
        yield server, stop
    finally:
        if not stopping.is_set():
            stop()
        thread.join(HANGING)
        assert not thread.is_alive()


def connect(server: BoundedServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.effective_port)), timeout=HANGING)


def get(server: BoundedServer, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while part := sock.recv(65536):
        received += part
    return received


def test_a_request_that_drips_in_is_ended_by_a_deadline_and_told_so():
    with running(App(), SHORT) as (server, _), connect(server) as sock:
        started = time.monotonic()
        sock.settimeout(0.2)
        received = b""
        while not received and time.monotonic() - started < HANGING:
            sock.send(b"G" if time.monotonic() - started < 0.1 else b"E")
            try:
                received = sock.recv(65536)
            except TimeoutError:
                continue
        assert received.startswith((b"HTTP/1.1 408 ", b"HTTP/1.0 408 "))


def test_an_idle_connection_is_closed():
    with running(App(), SHORT) as (server, _), connect(server) as sock:
        assert sock.recv(1) == b""


def test_a_connection_stays_open_between_requests():
    with running(App()) as (server, _):
        connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
        connection.close()


def test_a_connection_stays_open_after_responses_without_a_length():
    with (
        running(App()) as (server, _),
        closing(
            http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
        ) as connection,
    ):
        connection.connect()
        used = connection.sock
        for method, path, status, body in (
            ("GET", "/304", 304, b""),
            ("GET", "/stream", 200, b"onetwo"),
            ("HEAD", "/stream", 200, b""),
            ("HEAD", "/", 200, b""),
            ("GET", "/", 200, b"ok"),
        ):
            connection.request(method, path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, body), (method, path)
            assert connection.sock is used


def test_a_stream_that_breaks_is_not_taken_for_a_whole_one():
    with running(App()) as (server, _):
        connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
        connection.request("GET", "/broken")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()


def test_a_client_that_wants_to_close_gets_its_connection_closed():
    with running(App()) as (server, _), connect(server) as sock:
        sock.sendall(b"GET /304 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"304 Not Modified" in read_all(sock)


def test_readers_that_do_not_read_lose_their_connection_and_free_the_threads():
    with running(App(), SHORT) as (server, _):
        stuck = [connect(server) for _ in range(2)]
        for sock in stuck:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        # Both threads are in their hands until the least reading speed is enforced.
        assert get(server) == (200, b"ok")
        for sock in stuck:
            sock.close()


TOO_LARGE = "the body is larger than the 10000 bytes that are taken"


@pytest.mark.parametrize(
    ("accept", "kind", "told"),
    [
        ("application/json", "application/json", f'{{"413": "{TOO_LARGE}"}}'),
        ("*/*", "application/xml", f"<error>{TOO_LARGE}</error>"),
        ("text/html, */*;q=0.8", "text/html", f"<h1>T{TOO_LARGE[1:]}</h1>"),
        ("application/problem+json", "application/problem+json", f'"detail": "{TOO_LARGE}"'),
    ],
)
def test_a_body_that_is_too_large_is_refused_and_the_client_sees_it(accept: str, kind: str, told: str):
    with running(App()) as (server, _):
        connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
        connection.request("POST", "/", body=b"x" * 5_000_000, headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 413 and told in answer.read().decode()
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        assert answer.headers["Server"] == "marketplace"
        connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5000 + b"\r\n\r\n", b"431"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"431"),
    ],
)
def test_malformed_requests_get_their_error(request_bytes: bytes, status: bytes):
    with running(App()) as (server, _), connect(server) as sock:
        sock.sendall(request_bytes)
        received = read_all(sock)
        assert received.split(b" ")[1] == status
        assert b"waitress" not in received and b"<error>" in received


def test_header_and_body_are_sent_at_once(monkeypatch: pytest.MonkeyPatch):
    sent: list[bytes] = []
    send = BoundedChannel.send

    def noting(channel: BoundedChannel, data: bytes, **more: bool) -> int:
        sent.append(bytes(data))
        return send(channel, data, **more)

    monkeypatch.setattr(BoundedChannel, "send", noting)
    with running(App()) as (server, _):
        assert get(server) == (200, b"ok")
    (answer,) = sent
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok")


def test_a_stop_answers_a_connection_that_was_just_accepted(monkeypatch: pytest.MonkeyPatch):
    # Enough for a request on its way; on a busy machine this one comes later.
    assert channel.NEW_SECONDS >= 0.5
    monkeypatch.setattr(channel, "NEW_SECONDS", HANGING)
    with running(App()) as (server, stop):
        for _ in range(2):
            assert get(server) == (200, b"ok")
        with connect(server) as sock:
            deadline = time.monotonic() + HANGING
            # The connection is accepted on the server's own thread; those before it may not be closed yet.
            while sock.getsockname() not in [one.addr for one in list(server.active_channels.values())]:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            stop()
            server.pull_trigger()
            time.sleep(0.05)  # the stop comes before the request
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_stop_finishes_the_request_in_flight_and_takes_no_more():
    app = App()
    with running(app) as (server, stop), connect(server) as idle:
        answers: list[tuple[int, bytes]] = []
        client = threading.Thread(target=lambda: answers.append(get(server, "/wait")))
        client.start()
        assert app.entered.wait(HANGING)
        port = int(server.effective_port)
        stop()
        assert idle.recv(1) == b""
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=2)
        app.release.set()
        client.join(HANGING)
        assert answers == [(200, b"ok")]


def test_newcomers_get_in_when_all_connections_are_taken_by_silent_ones():
    with running(App(), connection_limit=20) as (server, _):
        silent = [connect(server) for _ in range(30)]
        assert get(server) == (200, b"ok")
        for sock in silent:
            sock.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_request_with_two_lengths_is_the_last_one_of_its_connection(head: bytes):
    hidden = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(App()) as (server, _), connect(server) as sock:
        sock.sendall(head + b"0\r\n\r\n" + hidden)
        answers = read_all(sock)
        assert answers.count(b"HTTP/1.") == 1 and b"one" not in answers


def test_chunks_alone_leave_a_connection_open():
    with running(App()) as (server, _), connect(server) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200" in read_all(sock)


@pytest.fixture
def no_temporary_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")


class Echo:
    """Answers with the length of the body, and with that many bytes."""

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@pytest.mark.usefixtures("no_temporary_directory")
@pytest.mark.parametrize("chunked", [False, True])
def test_no_temporary_directory_is_needed_for_the_largest_body_and_its_answer(chunked: bool):
    server = make_server(Echo(), Settings.from_mapping({"server.port": "0"}))
    stopping = threading.Event()
    thread = threading.Thread(target=server.run_until, args=(stopping, HANGING))
    thread.start()
    body = b"x" * 1_048_576
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=HANGING)
        with closing(connection):
            connection.request("POST", "/", iter([body]) if chunked else body, encode_chunked=chunked)
            answer = connection.getresponse()
            assert (answer.status, answer.read() == body) == (200, True)
    finally:
        stopping.set()
        server.pull_trigger()
        thread.join(HANGING)
