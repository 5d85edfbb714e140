"""A load generator that costs little: bare sockets, one thread, requests written beforehand.

The server has a core to itself only if the client leaves it one; a client
library would spend more time on a request than the server does.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Load:
    """What a run of requests did.

    Args:
        seconds: the whole run.
        latencies: of each request, in seconds.
    """

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds


def get(path: str, headers: str = "") -> bytes:
    """A GET request's bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """An upload's bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/rdf+xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ask(sock: socket.socket, request: bytes) -> bytes:
    """Send one request and read its whole response, which must have a Content-Length or no body."""
    sock.sendall(request)
    received = b""
    while True:
        part = sock.recv(262144)
        if not part:
            raise ConnectionError("the server closed the connection")
        received += part
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            return received


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def repeat(port: int, request: bytes, status: bytes, *, connections: int, seconds: float) -> Load:
    """Send one request again and again on some connections; every response has the first one's length."""
    socks: dict[int, list[Any]] = {}
    with select.epoll() as epoll:
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first = ask(sock, request)
            assert first.split(b" ")[1] == status, first[:200]
            socks[sock.fileno()] = [sock, 0, 0.0]
            epoll.register(sock.fileno(), select.EPOLLIN)
        length, latencies = len(first), []
        started = time.perf_counter()
        for state in socks.values():
            state[1:] = 0, time.perf_counter()
            state[0].sendall(request)
        end = started + seconds
        while (now := time.perf_counter()) < end:
            for number, _ in epoll.poll(1):
                state = socks[number]
                state[1] += len(state[0].recv(262144))
                if state[1] >= length:
                    now = time.perf_counter()
                    latencies.append(now - state[2])
                    state[1:] = 0, now
                    state[0].sendall(request)
        took = time.perf_counter() - started
    for sock, *_ in socks.values():
        sock.close()
    return Load(took, latencies)


def each_once(port: int, requests: Sequence[bytes], status: bytes, *, clients: int) -> Load:
    """Send every request once, shared among some clients with a connection each."""
    latencies: list[float] = []
    failures: list[bytes] = []

    def work(share: Sequence[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in share:
                started = time.perf_counter()
                answer = ask(sock, request)
                latencies.append(time.perf_counter() - started)
                if answer.split(b" ")[1] != status:
                    failures.append(answer[:300])

    threads = [threading.Thread(target=work, args=(requests[n::clients],)) for n in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    assert not failures, failures[0]
    assert len(latencies) == len(requests)
    return Load(took, latencies)
