"""Two hundred clients that say nothing, or a byte a second, do not stop the others."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.factories.documents import image, signed
from tests.functional.running import RunningServer, running_server
from tests.waiting import HANGING
from validators import accept

CONNECTIONS = 200
#: Seconds; requests must arrive whole within this.
REQUEST_TIMEOUT = 4


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    settings = {
        "server_request_timeout": str(REQUEST_TIMEOUT),
        "server_idle_timeout": "8",
        "query_enabled": "false",
    }
    with running_server(tmp_path_factory.mktemp("slow"), **settings) as running:
        yield running


def connections(site: RunningServer, first: bytes, number: int = CONNECTIONS) -> list[socket.socket]:
    made = []
    for _ in range(number):
        sock = site.connect()
        sock.sendall(first)
        made.append(sock)
    return made


def usual_wait(site: RunningServer, seconds: float, drip: list[socket.socket]) -> float:
    """Ask again and again for some seconds, with each drip sent a byte a second; returns the median wait."""
    waits, end, next_drip = [], time.monotonic() + seconds, 0.0
    with site.client() as http:
        while time.monotonic() < end:
            if time.monotonic() >= next_drip:
                next_drip = time.monotonic() + 1
                for sock in drip:
                    try:
                        sock.send(b"a")
                    except OSError:
                        drip.remove(sock)
            started = time.monotonic()
            assert http.get("/metadata?media=json").status_code == 200
            waits.append(time.monotonic() - started)
    return statistics.median(waits)


def answers(made: list[socket.socket], seconds: float) -> list[bytes]:
    """What each connection gets before it is closed; b"" where it is closed without a word."""
    received = dict.fromkeys(made, b"")
    open_ones = set(made)
    with selectors.DefaultSelector() as selector:
        for sock in made:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while open_ones and time.monotonic() < end:
            for key, _ in selector.select(0.2):
                sock = key.fileobj
                try:
                    part = sock.recv(65536)
                except ConnectionError:
                    part = b""
                received[sock] += part
                if not part:
                    selector.unregister(sock)
                    open_ones.discard(sock)
    for sock in made:
        sock.close()
    assert not open_ones, f"{len(open_ones)} connections are still open"
    return list(received.values())


def test_idle_connections_do_not_stop_requests(site):
    idle = connections(site, b"")
    assert usual_wait(site, 1.0, []) < 2.0
    for sock in idle:
        sock.close()


def test_dripping_requests_are_ended_while_others_are_answered(site):
    headers = b"POST /metadata HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 900\r\n\r\n<"
    dripping = connections(site, b"GET /metadata HTTP/1.1\r\nX-Slow: ", CONNECTIONS // 2)
    dripping += connections(site, headers, CONNECTIONS // 2)
    assert usual_wait(site, REQUEST_TIMEOUT + 1.0, list(dripping)) < 2.0
    ended = answers(dripping, HANGING)
    assert {answer.split(b" ")[1] for answer in ended if answer} == {b"408"}


def test_a_slow_upload_that_keeps_the_deadline_is_taken(server):
    data = signed(image(content="slow but in time"))
    with server.connect() as sock:
        sock.sendall(b"POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/xml\r\n")
        sock.sendall(b"Content-Length: %d\r\n\r\n" % len(data))
        for start in range(0, len(data), len(data) // 4 + 1):
            time.sleep(0.2)  # the slowness is what is tested
            sock.sendall(data[start : start + len(data) // 4 + 1])
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")
    with server.client() as http:
        assert http.get(f"/metadata/{accept(data).coordinates.path()}").content == data
