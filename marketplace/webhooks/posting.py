"""Sends one request to a webhook's address: bounded in time and size, never inward, no redirect followed."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpcore

from marketplace.authorities import get_authorities
from marketplace.deadlines import Deadline
from marketplace.locations import AddressGuard, GuardedNetwork, RefusedAddressError

#: Bytes of an answer that are read.
_MOST_READ: Final = 4096
#: Characters of it that are kept.
MOST_KEPT: Final = 500
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    ssl.SSLError,
    OSError,
    UnicodeError,
)


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """The outcome of a request to a webhook.

    Args:
        status: of the answer; None where there was none.
        reason: why there was none, or why it counts as a failure; empty where the event arrived.
        answer: its first characters.
        milliseconds: until then.
    """

    status: int | None
    reason: str
    answer: str
    milliseconds: int

    @property
    def arrived(self) -> bool:
        """Whether the receiver says that it has the event."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants to be told nothing any more."""
        return self.status == 410


class Poster:
    """Sends requests. Safe to share between threads.

    Args:
        guard: says which addresses may be asked; a connection goes to the address that was looked at.
        seconds: for the whole of a request, from the name's address to the end of the answer.
        authorities: file of authorities that receivers' certificates may be from; None: the system's.
    """

    def __init__(self, guard: AddressGuard, seconds: float, authorities: str | None = None) -> None:
        self._guard = guard
        self._seconds = seconds
        self._given = None if authorities is None else ssl.create_default_context(cafile=authorities)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostOutcome:
        """Send a request. Never raises for what a receiver does."""
        begun = time.monotonic()
        status, reason, answer = self._try(url, headers, body)
        return PostOutcome(status, reason, answer, round(1000 * (time.monotonic() - begun)))

    def _try(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int | None, str, str]:
        try:
            return self._send(url, headers, body)
        except RefusedAddressError:  # which address it is would tell of the names inside
            return None, "the address leads inside: loopback, private, link-local or metadata", ""
        except httpcore.TimeoutException:
            return None, f"no answer within {self._seconds:g} seconds", ""
        except _FAILURES as error:
            reason = re.sub(r"^\[Errno -?\d+\] ", "", " ".join(str(error).split()))
            return None, printable(reason) or type(error).__name__, ""

    def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, str]:
        deadline = Deadline()
        deadline.start(self._seconds)
        network = GuardedNetwork(self._guard, deadline)
        given = [("Host", urlsplit(url).netloc), *headers.items()]
        times = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        with (
            httpcore.ConnectionPool(
                ssl_context=self._given or get_authorities(), max_connections=1, network_backend=network
            ) as pool,
            pool.stream("POST", url, headers=given, content=body, extensions={"timeout": times}) as response,
        ):
            status = response.status
            answer = self._read(response)
        if 200 <= status < 300:
            return status, "", answer
        if 300 <= status < 400:
            return status, f"the receiver redirects ({status}), and redirects are not followed", answer
        return status, f"the receiver answers with {status}", answer

    @staticmethod
    def _read(response: httpcore.Response) -> str:
        """The beginning of an answer; what its status says counts, also where the rest does not come."""
        start = bytearray()
        try:
            for piece in response.iter_stream():
                start += piece
                if len(start) >= _MOST_READ:
                    break
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            pass  # the status has come already, and it decides
        return printable(bytes(start[:_MOST_READ]).decode("utf-8", "replace"))


def printable(text: str) -> str:
    """Text from outside as it may be kept and shown: one line, bounded."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:MOST_KEPT]
