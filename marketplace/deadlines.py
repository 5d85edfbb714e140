"""A network that keeps to one deadline, from the connection to the last byte.

The library's own times are between two pieces: a server that sends a byte of its
header every nine seconds would hold its reader for days.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream


class Deadline:
    """When the request that is under way must be over."""

    def __init__(self) -> None:
        self._end = float("inf")

    def start(self, seconds: float) -> None:
        """Begin a request that may take that long."""
        self._end = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """Seconds the next step may take.

        Raises:
            httpcore.TimeoutException: none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole answer takes too long")
        return left if timeout is None else min(left, timeout)


class DeadlineNetwork(NetworkBackend):
    """Connections whose every step ends with the deadline.

    A subclass may say which addresses a name has.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """See ``NetworkBackend``."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self.addresses(host, port):
            limit = self._deadline.left(timeout)
            try:
                stream = self._network.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Where a connection is tried, one after the other; the system finds what a name stands for."""
        return (host,)


class _DeadlineStream(NetworkStream):
    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
