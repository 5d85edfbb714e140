"""A marketplace that means harm: what it sends costs the command bounded memory and bounded time.

The server is a real one that writes what it likes to the socket; the command is a process of its own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplace.client import ListQuery, MarketplaceClient
from marketplace.client.errors import TransportError
from marketplace.client.transport import TransferLimits, Transport

#: Tells the largest memory of the command, in kilobytes, on the last line of standard error.
MEASURED = """
import re, sys
from marketplace.cli import run
code = run(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
sys.exit(code)
"""
MEGABYTE = 1024 * 1024
SECONDS = 60

Answer = Callable[[socket.socket, str], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that reads the head of a request and leaves the connection to ``answer``."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client goes away, as it should
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                answer(connection, head.split()[1].decode())

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def whole(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


def call(url: str, *arguments: str) -> tuple[int, bytes, str, int]:
    """Run the command: exit code, standard output, the sentence on standard error, megabytes at most."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "STRATUSLAB_"))}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        capture_output=True,
        timeout=SECONDS,
        env=environ | {"MARKETPLACE_ENDPOINT": url, "NO_PROXY": "127.0.0.1"},
        check=False,
    )
    *said, kilobytes = done.stderr.decode().splitlines()
    return done.returncode, done.stdout, "\n".join(said), int(kilobytes) // 1024


def row(number: int, text: str) -> list[str]:
    created = f"2024-01-01T00:00:{number % 60:02d}Z"
    return ["", "debian", "13", "x86_64", f"a{number}@b.org", "null", created, "A" * 27, "null", text, "T"]


def listed(total: int, rows: list[list[object]]) -> bytes:
    """A page of a list."""
    return json.dumps({"iTotalDisplayRecords": total, "aaData": rows}).encode()


def lists(pages: int, rows: int, size: int) -> Answer:
    """A list of so many pages of so many rows of so many bytes; more rows than anybody asked for."""

    def answer(connection: socket.socket, target: str) -> None:
        start = int(parse_qs(urlsplit(target).query)["iDisplayStart"][0])
        found = [row(start + number, "x" * size) for number in range(rows)] if start < pages * 500 else []
        connection.sendall(whole(listed(pages * 500, found)))

    return answer


@pytest.mark.parametrize("output", ["id", "json"])
def test_a_long_list_of_long_rows_is_not_held_in_memory(output):
    with serving(lists(1, 500, 1)) as url:
        code, out, _, before = call(url, "list", "-o", "id")
        assert (code, out.count(b"\n")) == (0, 500)
    pages = 30
    with serving(lists(pages, 500, 7_000)) as url:
        code, out, said, after = call(url, "list", "-o", output)
    assert code == 0, said
    assert out.count(b"@b.org") >= pages * 500
    sent = pages * 500 * 7_000 // MEGABYTE
    assert after - before < sent // 2, f"{sent} MB sent, {after - before} MB more held"


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        (lambda: b'{"aaData": [' + b"[]," * MEGABYTE, ("list",)),
        (lambda: b"{" + b'"a":{' * MEGABYTE, ("list",)),
        (lambda: b"[" * 3 * MEGABYTE, ("list",)),
        (lambda: b'{"hits": [' + b"{}," * MEGABYTE + b'{}], "total": 1}', ("search", "x")),
        (lambda: listed(10**6, [row(1, "x")] * 30_000), ("list",)),
        (lambda: b"0" * 64 * MEGABYTE, ("show", "A/a@b.org/2024-01-01T00:00:00Z")),
        (lambda: b"0" * 64 * MEGABYTE, ("list",)),
    ],
    ids=["lists", "deep-objects", "deep-lists", "hits", "too-many-rows", "entry", "page"],
)
def test_an_answer_made_to_unfold_is_refused_in_bounded_memory(body, arguments):
    answer = whole(body())
    with serving(lambda connection, _: connection.sendall(answer)) as url:
        code, out, said, megabytes = call(url, *arguments)
    assert code in (5, 7), said
    assert out == b""
    assert said.startswith("marketplace: ")
    assert said.count("\n") == 0
    assert megabytes < 400


def drip(beginning: bytes, piece: bytes) -> Answer:
    """One piece after another, each well within the time between two pieces, for ever."""

    def answer(connection: socket.socket, _: str) -> None:
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            time.sleep(0.01)  # what the attack is: slower than the network, faster than any time-out

    return answer


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    ],
    ids=["header", "headers", "continue", "hints", "body", "chunks", "chunk-extension"],
)
def test_an_answer_that_drips_ends_with_the_deadline(monkeypatch, beginning, piece):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    limits = TransferLimits(silence_seconds=30, head_seconds=0.3, total_seconds=0.6)
    with (
        serving(drip(beginning, piece)) as url,
        MarketplaceClient(Transport(url, limits)) as client,
        pytest.raises(TransportError, match="does not answer in time"),
    ):
        client.fetch("A/a@b.org/2024-01-01T00:00:00Z")


def test_pages_without_end_end_with_the_session(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        serving(lambda connection, _: connection.sendall(whole(listed(999_999, [row(1, "x")])))) as url,
        MarketplaceClient(Transport(url, TransferLimits(session_seconds=0.5))) as client,
        pytest.raises(TransportError, match="does not answer in time"),
    ):
        for _ in client.entries(ListQuery()):
            pass


@pytest.mark.parametrize(
    ("beginning", "piece", "times"),
    [(b"X-Long: ", b"a", 50 * MEGABYTE), (b"", b"X: y\r\n", 5_000_000)],
    ids=["header", "headers"],
)
def test_a_head_without_end_is_refused(beginning, piece, times):
    answer = b"HTTP/1.1 200 OK\r\n" + beginning + piece * times
    with serving(lambda connection, _: connection.sendall(answer)) as url:
        code, _, said, megabytes = call(url, "list")
    assert code == 7, said
    assert megabytes < 200
