"""The reader of peers against a server that sends whatever bytes a test wants."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import zstandard

from marketplace.peers.errors import (
    AnswerTooLargeError,
    ContactError,
    MalformedError,
    NotAtPeerError,
    TooSlowError,
    UnexpectedAnswerError,
)
from marketplace.peers.limits import ReadLimits
from marketplace.peers.remote.reader import LONGEST_RETRY_AFTER, PeerReader, parse_json, retry_after
from tests.mail.server import make_certificate
from tests.waiting import HANGING

QUICK = ReadLimits(connect_seconds=2, read_seconds=2, total_seconds=3, header_bytes=4096, answer_bytes=10_000)
TYPE = "text/plain"


@contextmanager
def sending(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that hands each connection to ``answer`` once a request has come."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(10)
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    continue  # the reader has seen enough

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        thread.join(HANGING)
        listener.close()


def whole(body: bytes, *fields: str, status: str = "200 OK", kind: str = TYPE) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def read(data: bytes, limit: int | None = None) -> bytes:
    """What the reader makes of these bytes."""
    with sending(lambda connection: connection.sendall(data)) as url:
        reader = PeerReader(url, QUICK)
        try:
            return reader.get("/x", TYPE, limit=limit).body
        finally:
            reader.close()


def refused(data: bytes, error: type[ContactError], limit: int | None = None) -> ContactError:
    with pytest.raises(error) as found:
        read(data, limit)
    return found.value


def test_an_answer_comes_whole() -> None:
    assert read(whole(b"hello", kind="text/plain; charset=utf-8")) == b"hello"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_packed_answers_are_unpacked_within_the_limit(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    assert read(whole(pack(b"a" * 10_000), f"Content-Encoding: {encoding}")) == b"a" * 10_000
    refused(whole(pack(b"a" * 10_001), f"Content-Encoding: {encoding}"), AnswerTooLargeError)
    refused(whole(pack(b"a" * 50_000_000), f"Content-Encoding: {encoding}"), AnswerTooLargeError)


def test_broken_and_unknown_encodings_are_refused() -> None:
    refused(whole(b"no gzip", "Content-Encoding: gzip"), MalformedError)
    refused(whole(gzip.compress(b"hello")[:-3], "Content-Encoding: gzip"), MalformedError)
    refused(whole(b"no zstd", "Content-Encoding: zstd"), MalformedError)
    refused(whole(zlib.compress(b"x"), "Content-Encoding: deflate"), UnexpectedAnswerError)
    refused(whole(gzip.compress(b"x"), "Content-Encoding: gzip, gzip"), UnexpectedAnswerError)


def test_large_answers_are_left() -> None:
    refused(whole(b"a" * 10_001), AnswerTooLargeError)
    refused(whole(b"a" * 101), AnswerTooLargeError, limit=100)
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"a" * 200_000
    refused(endless, AnswerTooLargeError)


def test_large_headers_are_left() -> None:
    refused(whole(b"", "X-Long: " + "a" * 5000), AnswerTooLargeError)
    refused(b"HTTP/1.1 200 OK\r\n" + b"X-Long: aaaaaaaaa\r\n" * 30_000, MalformedError)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Elsewhere", "308 There"])
def test_redirects_are_not_followed(status: str) -> None:
    refused(whole(b"", "Location: http://127.0.0.1:1/", status=status), UnexpectedAnswerError)


def test_statuses_and_types_are_those_of_the_protocol() -> None:
    refused(whole(b"", status="404 Not Found"), NotAtPeerError)
    refused(whole(b"<html>", kind="text/html"), UnexpectedAnswerError)
    busy = refused(whole(b"", "Retry-After: 7", status="503 Busy"), UnexpectedAnswerError)
    assert busy.retry_after == 7.0
    refused(b"SSH-2.0-OpenSSH\r\n", MalformedError)
    refused(b"", MalformedError)
    refused(whole(b"hello")[:-2], MalformedError)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("999999999", LONGEST_RETRY_AFTER),
        ("9" * 400, None),
        ("-1", None),
        ("1e9", None),
        ("١", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        (None, None),
    ],
)
def test_a_retry_after_is_capped(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize("where", ["header", "body"])
def test_an_answer_that_drips_ends_at_the_deadline(where: str) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + (b"\r\n" if where == "body" else b"X: ")

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(b"a")
            time.sleep(0.05)  # the pace of the drip is what is tested

    with sending(drip) as url:
        reader = PeerReader(url, QUICK)
        began = time.monotonic()
        try:
            with pytest.raises(TooSlowError):
                reader.get("/x", TYPE)
        finally:
            reader.close()
    assert (
        time.monotonic() - began < HANGING
    )  # without the deadline it would be as long as the limit has bytes


@contextmanager
def keeping(answers: Callable[[int], bytes]) -> Iterator[tuple[str, list[int]]]:
    """A server that keeps its connections: its URL, and how many requests each connection brought.

    Args:
        answers: what the request of that number, from 0, is answered with; nothing closes the connection.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    brought: list[int] = []

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            brought.append(0)
            with connection:
                connection.settimeout(10)
                while connection.recv(65536):
                    brought[-1] += 1
                    answer = answers(sum(brought) - 1)
                    if not answer:
                        break
                    connection.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", brought
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(HANGING)


def test_a_connection_is_used_again_also_where_nothing_changed() -> None:
    with keeping(lambda _: b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n') as (url, brought):
        reader = PeerReader(url, QUICK)
        for _ in range(3):
            assert reader.get("/x", TYPE).status == 304
        reader.close()
    assert brought == [3]


def test_a_connection_that_was_closed_in_silence_costs_no_failure() -> None:
    kept = whole(b"hello").replace(b"Connection: close\r\n", b"")
    with keeping(lambda number: b"" if number == 1 else kept) as (url, brought):
        reader = PeerReader(url, QUICK)
        assert [reader.get("/x", TYPE).body for _ in range(2)] == [b"hello", b"hello"]
        reader.close()
    assert brought == [2, 1]


def test_a_peer_that_always_closes_is_asked_once_on_a_new_connection() -> None:
    with keeping(lambda _: b"") as (url, brought):
        reader = PeerReader(url, QUICK)
        with pytest.raises(MalformedError):
            reader.get("/x", TYPE)
        reader.close()
    assert brought == [1]


def failure(url: str) -> ContactError:
    reader = PeerReader(url, QUICK)
    try:
        with pytest.raises(ContactError) as found:
            reader.get("/x", TYPE)
    finally:
        reader.close()
    return found.value


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_there(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(f"{scheme}://127.0.0.1:{port}")
    assert (error.code, error.message) == (
        "peer.refused",
        f"127.0.0.1:{port} refuses connections: no server listens at this address",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_without_an_address(scheme: str) -> None:
    error = failure(f"{scheme}://nobody.invalid")
    assert error.code == "peer.dns" and error.message.startswith("DNS has no address for nobody.invalid (")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))

    def secured(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    with accepting(secured) as port:
        error = failure(f"https://127.0.0.1:{port}")
    assert (error.code, error.message) == (
        "peer.tls",
        f"the TLS certificate of 127.0.0.1:{port} is not accepted: self-signed certificate",
    )


def test_a_server_that_does_not_speak_tls() -> None:
    with accepting(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = failure(f"https://127.0.0.1:{port}")
    assert error.code == "peer.tls" and "has a fault in its TLS" in error.message


def test_a_redirect_names_where_it_leads() -> None:
    moved = whole(b"", "Location: https://mp.example/", status="301 Moved")
    error = refused(moved, UnexpectedAnswerError)
    assert "status 301 and redirects to 'https://mp.example/'; redirects are not followed" in error.message


@contextmanager
def accepting(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server that does something with its one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the reader goes away where it has enough
                connection.settimeout(10)
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(HANGING)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{", b"NaN", b"\xff\xfe", b"1" * 5000, b'{"a":' * 50_000])
def test_json_that_cannot_be_read_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json(text)
