"""Carries the client's requests: every step of one ends with its deadline, also where a header drips.

A proxy is used where the environment names one (``HTTP_PROXY``, ``HTTPS_PROXY``,
``ALL_PROXY``, ``NO_PROXY``), as other programs read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from marketplace.authorities import get_authorities
from marketplace.deadlines import Deadline, DeadlineNetwork


class BoundedNetwork(httpx.BaseTransport):
    """The network, as the HTTP library wants to see it.

    Args:
        deadline: what every request keeps to; its owner starts it.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._network = DeadlineNetwork(deadline)
        #: By proxy, and whether the servers behind are asked over TLS.
        self._pools: dict[tuple[str | None, bool], httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer.

        Raises:
            httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError: as the library says.
            httpcore.UnsupportedProtocol: of the URL, or of the proxy.
        """
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        answer = self._pool(_proxy_of(url), url.scheme == "https").handle_request(
            httpcore.Request(
                request.method,
                target,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, proxy: str | None, secure: bool) -> httpcore.ConnectionPool:
        if (proxy, secure) not in self._pools:
            self._pools[proxy, secure] = self._open(proxy, secure)
        return self._pools[proxy, secure]

    def _open(self, proxy: str | None, secure: bool) -> httpcore.ConnectionPool:
        authorities = get_authorities() if secure else None
        if proxy is None:
            return httpcore.ConnectionPool(ssl_context=authorities, network_backend=self._network)
        try:
            where = httpx.Proxy(proxy)
        except (ValueError, httpx.InvalidURL):
            raise httpcore.UnsupportedProtocol("the proxy in the environment is not a URL") from None
        if where.url.scheme not in ("http", "https"):
            raise httpcore.UnsupportedProtocol(f"a proxy of kind {where.url.scheme} is not supported")
        return httpcore.HTTPProxy(
            httpcore.URL(
                scheme=where.url.raw_scheme, host=where.url.raw_host, port=where.url.port, target=b"/"
            ),
            proxy_auth=where.raw_auth,
            ssl_context=authorities,
            proxy_ssl_context=get_authorities() if where.url.scheme == "https" else None,
            network_backend=self._network,
        )


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        stream = self._answer.stream
        assert isinstance(stream, Iterable)  # noqa: S101  # the library's types also name the asynchronous one
        yield from stream

    def close(self) -> None:
        self._answer.close()


def _proxy_of(url: httpx.URL) -> str | None:
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or proxy_bypass(url.netloc.decode("ascii")):
        return None
    return found if "://" in found else f"http://{found}"
