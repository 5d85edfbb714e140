"""Bounded HTTP: no answer is larger or slower than the caller allows, and every failure is a ClientError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

import httpcore
import httpx

from marketplace.client.errors import OversizeError, TransportError
from marketplace.client.network import BoundedNetwork
from marketplace.deadlines import Deadline

#: Query parameters, also ones that stand several times.
Params = Mapping[str, str] | list[tuple[str, str | int | float | bool | None]] | None


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class TransferLimits:
    """What one request may take, and all of a command together.

    Args:
        connect_seconds: until a connection stands.
        silence_seconds: between two pieces of an answer.
        head_seconds: until the head of the answer is there, so a server that drips it holds nobody.
        total_seconds: for the whole answer.
        redirects: followed when reading; an upload follows none.
        session_seconds: for all requests together.
        session_bytes: of the bodies of all answers together.
    """

    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    head_seconds: float = 120.0
    total_seconds: float = 300.0
    redirects: int = 5
    session_seconds: float = 3600.0
    session_bytes: int = 1024 * 1_048_576


@dataclass(frozen=True)
class HttpAnswer:
    """A whole HTTP answer."""

    status: int
    headers: httpx.Headers
    body: bytes


#: What the library raises where no answer comes; its network speaks for itself.
_FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class Transport:
    """Sends requests to one marketplace; ``close`` it at the end.

    Args:
        endpoint: base URL, without a slash at its end.
        limits: what a request may take.
        transport: carries the requests; by default the network.
        token: shown with every request to the endpoint's host, and to no other.
    """

    def __init__(
        self,
        endpoint: str,
        limits: TransferLimits | None = None,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._limits = limits or TransferLimits()
        self._deadline = Deadline()
        self._session = Deadline()
        self._session.start(self._limits.session_seconds)
        self._received = 0
        # The library leaves it out where a redirect leads to another host.
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._limits.silence_seconds, connect=self._limits.connect_seconds),
            # Compressed answers could unfold to any size before a limit sees them.
            headers={"User-Agent": "marketplace-client", "Accept-Encoding": "identity", **shown},
            transport=transport or BoundedNetwork(self._deadline),
        )

    @property
    def received(self) -> int:
        """Bytes of all bodies that were read."""
        return self._received

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self,
        path: str,
        *,
        accept: str,
        limit: int,
        params: Params = None,
        tag: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> HttpAnswer:
        """Read a resource.

        Args:
            path: behind the endpoint, percent-encoded, with a slash in front.
            limit: bytes the body may have.
            tag: entity tag of what is known; the answer is 304 while that has not changed.
            headers: further ones.

        Raises:
            TransportError: no answer, or one beyond the limits.
        """
        sent = {**headers, "Accept": accept} | ({} if tag is None else {"If-None-Match": tag})
        request = self._client.build_request("GET", self.endpoint + path, params=params, headers=sent)
        return self._send(request, limit, redirects=self._limits.redirects)

    def post(
        self,
        path: str,
        data: bytes,
        *,
        content_type: str,
        accept: str,
        limit: int,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> HttpAnswer:
        """Send a body and read the answer; redirects are not followed. See ``get``.

        Raises:
            TransportError: no answer, or one beyond the limits.
        """
        sent = {**headers, "Accept": accept, "Content-Type": content_type}
        request = self._client.build_request("POST", self.endpoint + path, content=data, headers=sent)
        return self._send(request, limit, redirects=0)

    def _send(self, request: httpx.Request, limit: int, *, redirects: int) -> HttpAnswer:
        limits = self._limits
        try:
            answered = Deadline()
            answered.start(self._session.left(limits.total_seconds))
            self._deadline.start(answered.left(limits.head_seconds))
            # The library would read the bodies of redirects whole, whatever their size.
            for _ in range(redirects + 1):
                with closing(self._client.send(request, stream=True)) as response:
                    if response.next_request is None or redirects == 0:
                        self._deadline.start(answered.left(None))
                        body = self._read(response, limit)
                        return HttpAnswer(response.status_code, response.headers, body)
                    request = response.next_request
        except (httpx.TimeoutException, httpcore.TimeoutException):
            raise TransportError(f"{self.endpoint} does not answer in time") from None
        except (*_FAILURES, OSError) as error:
            reason = re.sub(r"^\[Errno -?\d+\] ", "", " ".join(str(error).split())) or type(error).__name__
            raise TransportError(f"{self.endpoint} cannot be reached ({reason})") from None
        raise TransportError(f"{self.endpoint} redirects too often")

    def _read(self, response: httpx.Response, limit: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TransportError(f"{self.endpoint} answers in an encoding that was not requested")
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            self._received += len(piece)
            if len(body) > limit:
                raise OversizeError(
                    f"{self.endpoint} answers with more than {limit} bytes; nothing was saved"
                )
            if self._received > self._limits.session_bytes:
                raise TransportError(
                    f"{self.endpoint} sent more than {self._limits.session_bytes} bytes in all; "
                    "request less with filters or --limit"
                )
            self._deadline.left(None)
        return bytes(body)
