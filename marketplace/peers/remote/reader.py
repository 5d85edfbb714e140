"""Reads a peer over HTTP. No answer is larger, slower or of another type than the caller allows."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import zstandard

from marketplace.authorities import get_authorities
from marketplace.deadlines import Deadline, DeadlineNetwork
from marketplace.peers.errors import (
    AnswerTooLargeError,
    MalformedError,
    NoAddressError,
    NoListenerError,
    NotAtPeerError,
    TooSlowError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsafeError,
)
from marketplace.peers.limits import ReadLimits

#: The largest window a zstd frame may ask this process to allocate, in bytes.
_ZSTD_WINDOW = 8 * 1024 * 1024
#: No statuses beside the successful ones.
_NO_OTHERS: Mapping[int, str] = MappingProxyType({})
_REDIRECTS = (301, 302, 303, 307, 308)
#: Longest pause, in seconds, that a peer's Retry-After can ask for.
LONGEST_RETRY_AFTER = 300.0


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """A whole answer: 304 without a body, or one of the statuses that were asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: Bytes that came over the network, as packed.
    received: int


class PeerReader:
    """Reads one peer, one request at a time; ``close`` it at the end.

    Args:
        url: the peer's base URL, http or https.
    """

    def __init__(self, url: str, limits: ReadLimits | None = None) -> None:
        self._limits = limits or ReadLimits()
        self._base = url.rstrip("/")
        parts = urlsplit(self._base)
        self._name = parts.netloc
        self._deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=get_authorities() if parts.scheme == "https" else None,
            max_connections=1,
            keepalive_expiry=30.0,
            network_backend=DeadlineNetwork(self._deadline),
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def get(
        self,
        path: str,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> PeerAnswer:
        """Read a resource.

        Args:
            content_type: the one type it may have.
            limit: most bytes of the body, if others than usual.

        Raises:
            ContactError: there is no answer, or none within the bounds and of that type.
        """
        return self._send("GET", path, content_type, headers or {}, None, limit)

    def post(
        self,
        path: str,
        data: bytes,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
        also: Mapping[int, str] | None = None,
    ) -> PeerAnswer:
        """Send a body and read the answer; see ``get``.

        Args:
            also: further statuses that are answers, each with the type its body has.

        Raises:
            ContactError: there is no answer, or none within the bounds and of that type.
        """
        return self._send("POST", path, content_type, headers or {}, data, limit, also or {})

    def _send(
        self,
        method: str,
        path: str,
        content_type: str,
        headers: Mapping[str, str],
        data: bytes | None,
        limit: int | None,
        also: Mapping[int, str] = _NO_OTHERS,
    ) -> PeerAnswer:
        most = self._limits.answer_bytes if limit is None else limit
        limits = self._limits
        sent = {"Host": self._name, "User-Agent": "marketplace-peer", "Accept-Encoding": "zstd, gzip"}
        sent.update(headers)
        if data is not None:
            sent["Content-Length"] = str(len(data))
        times = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}

        def exchange() -> PeerAnswer:
            with self._pool.stream(
                method,
                self._base + path,
                headers=list(sent.items()),
                content=data,
                extensions={"timeout": times},
            ) as response:
                return self._read(response, also.get(response.status, content_type), most, also)

        kept = any(connection.is_idle() for connection in self._pool.connections)
        self._deadline.start(limits.total_seconds)
        try:
            try:
                return exchange()
            except (httpcore.RemoteProtocolError, httpcore.NetworkError):
                if not kept:
                    raise
                # The peer closed the silent connection at this moment. Every request here may be repeated.
                return exchange()
        except httpcore.TimeoutException:
            raise TooSlowError(f"{self._name} does not answer in time") from None
        except (httpcore.ProtocolError, UnicodeError) as error:
            raise MalformedError(f"{self._name} does not speak HTTP ({_reason(error)})") from None
        except (httpcore.NetworkError, httpcore.UnsupportedProtocol, OSError) as error:
            raise _unreachable(self._name, error) from None

    def _read(
        self, response: httpcore.Response, content_type: str, most: int, also: Mapping[int, str]
    ) -> PeerAnswer:
        if sum(len(name) + len(value) for name, value in response.headers) > self._limits.header_bytes:
            raise AnswerTooLargeError(
                f"{self._name} sends more than {self._limits.header_bytes} bytes of header"
            )
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }
        if response.status != 304:
            self._verify_expected(response.status, headers, content_type, also)
        packed = bytearray()
        # Read to its end also where there is nothing: only then is the connection used again.
        for piece in response.iter_stream():
            packed += piece
            if len(packed) > most:
                raise AnswerTooLargeError(f"{self._name} answers with more than {most} bytes")
        if response.status == 304:
            return PeerAnswer(304, headers, b"", 0)
        body = unpacked(bytes(packed), headers.get("content-encoding", "identity"), most, self._name)
        return PeerAnswer(response.status, headers, body, len(packed))

    def _verify_expected(
        self, status: int, headers: Mapping[str, str], content_type: str, also: Mapping[int, str]
    ) -> None:
        if status in (404, 410):
            raise NotAtPeerError(f"{self._name} has no such document for this site (status {status})")
        if not 200 <= status < 300 and status not in also:
            elsewhere = headers.get("location", "")[:200] if status in _REDIRECTS else ""
            hint = (
                f" and redirects to {elsewhere!r}; redirects are not followed: give the peer's true address"
                if elsewhere
                else ""
            )
            raise UnexpectedAnswerError(
                f"{self._name} answers with status {status}{hint}",
                retry_after(headers.get("retry-after")),
                status,
            )
        found = headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != content_type:
            raise UnexpectedAnswerError(
                f"{self._name} answers with type {found[:60]!r}, expected {content_type}"
            )


def unpacked(data: bytes, encoding: str, most: int, name: str) -> bytes:
    """The body without its content encoding.

    Args:
        encoding: identity, gzip or zstd; anything.
        most: bytes it may have.
        name: of the peer, for messages.

    Raises:
        ContactError: too large, another encoding or broken.
    """
    try:
        if encoding == "identity":
            body = data
        elif encoding == "gzip":
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            body = unpacker.decompress(data, most + 1)
            if len(body) <= most and not unpacker.eof:
                raise MalformedError(f"{name} sends a cut-off gzip stream")
        elif encoding == "zstd":
            body = _unpack_zstd(data, most)
        else:
            raise UnexpectedAnswerError(
                f"{name} answers in the encoding {encoding[:40]!r}, which this site did not request"
            )
    except (zlib.error, zstandard.ZstdError) as error:
        raise MalformedError(f"{name} sends a broken {encoding} stream ({_reason(error)})") from None
    if len(body) > most:
        raise AnswerTooLargeError(f"{name} answers with more than {most} bytes when unpacked")
    return body


def _unpack_zstd(data: bytes, most: int) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(io.BytesIO(data))
    body = bytearray()
    while len(body) <= most and (piece := stream.read(most + 1 - len(body))):
        body += piece
    return bytes(body)


def retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header, capped; None where it names none (dates are not read)."""
    if value is None or re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII) is None:
        return None
    return min(float(value), LONGEST_RETRY_AFTER)


def parse_json(data: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        MalformedError: it is none, is nested too deep, or has NaN or endless numbers.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {_reason(error)}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unreachable(name: str, error: Exception) -> UnreachableError:
    """What kept a connection from a peer, in words that tell where to look."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return NoAddressError(f"DNS has no address for {name} ({_reason(cause)})")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnsafeError(f"the TLS certificate of {name} is not accepted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return UnsafeError(f"{name} has a fault in its TLS ({cause.reason or _reason(cause)})")
        if isinstance(cause, ConnectionRefusedError):
            return NoListenerError(f"{name} refuses connections: no server listens at this address")
        cause = cause.__cause__ or cause.__context__
    return UnreachableError(f"{name} cannot be reached ({_reason(error)})")


def _reason(error: BaseException) -> str:
    text = re.sub(r"^\[Errno -?\d+\] ", "", " ".join(str(error).split()))
    return text[:200] or type(error).__name__
