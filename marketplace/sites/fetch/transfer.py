"""One transfer: from a location, through redirects, a piece at a time; never more than was endorsed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from marketplace.authorities import get_authorities
from marketplace.deadlines import Deadline
from marketplace.locations import AddressGuard, GuardedNetwork, RefusedAddressError
from marketplace.sites.errors import CancelledError, FetchError
from marketplace.sites.fetch.locations import credentials
from marketplace.sites.settings import FetchTable

_REDIRECTS = 5
#: Bytes a second, over a whole idle time, below which a location is given up.
SLOWEST = 1024
_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/(?:[0-9]{1,19}|\*)")
#: Strong entity tags only: a weak one does not stand for the same bytes (RFC 9110, section 8.8.3).
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')


@dataclass(frozen=True, slots=True)
class Resume:
    """What is there of an earlier transfer.

    Args:
        have: bytes.
        tag: strong entity tag under which they came.
    """

    have: int
    tag: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun.

    Args:
        start: bytes of the whole that lie before the first piece; 0 where it begins anew.
        tag: strong entity tag, by which the transfer can be resumed; None where there is none.
        pieces: the bytes.
    """

    start: int
    tag: str | None
    pieces: Iterator[bytes]


class Transfers:
    """Makes transfers; safe to share between threads.

    Args:
        find_stop: asked at each piece: why the transfer has to end, or None.
    """

    def __init__(self, table: FetchTable) -> None:
        self._table = table
        self._guard = AddressGuard(table.allow_private)

    @contextmanager
    def open(
        self,
        url: str,
        resume: Resume | None = None,
        find_stop: Callable[[], str | None] = lambda: None,
        most: int | None = None,
    ) -> Iterator[Opened]:
        """Ask a location for an image.

        Args:
            resume: what is there already.
            most: bytes of its beginning that are enough; a server may send more.

        Raises:
            FetchError: it does not give one, or is too slow.
            CancelledError: the image may not be used any more.
        """
        deadline = Deadline()
        network = GuardedNetwork(self._guard, deadline)
        with httpcore.ConnectionPool(ssl_context=get_authorities(), network_backend=network) as pool:
            try:
                answer, ended_at = self._follow(pool, url, resume, deadline, most)
            except RefusedAddressError as error:
                remedy = "fetch.allow_private names those that may be asked"
                raise FetchError(f"{url}: {error}; {remedy}", own_doing=True) from None
            except _FAILURES as error:
                raise FetchError(f"{url}: {_reason(error)}") from None
            try:
                headers = _headers(answer)
                start = _start(url, answer, headers, Resume(0, "") if most is not None else resume)
                tag = headers.get("etag", "")
                pieces = self._pieces(ended_at, answer, deadline, find_stop)
                yield Opened(start, tag if _STRONG_TAG.fullmatch(tag) else None, pieces)
            finally:
                answer.close()

    def _follow(
        self,
        pool: httpcore.ConnectionPool,
        url: str,
        resume: Resume | None,
        deadline: Deadline,
        most: int | None,
    ) -> tuple[httpcore.Response, str]:
        at, first = url, urlsplit(url)
        for _ in range(_REDIRECTS + 1):
            headers = [("Host", urlsplit(at).netloc), ("User-Agent", "marketplace-site"), ("Accept", "*/*")]
            # A compressed transfer could unfold to any size, and could not be resumed.
            headers.append(("Accept-Encoding", "identity"))
            if urlsplit(at).netloc == first.netloc and (shown := credentials(at, self._table.credentials)):
                headers.append(("Authorization", shown))
            if resume is not None:
                headers += [("Range", f"bytes={resume.have}-"), ("If-Range", resume.tag)]
            if most is not None:
                headers.append(("Range", f"bytes=0-{most - 1}"))
            deadline.start(2 * self._table.idle)
            timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._table.idle)
            request = httpcore.Request("GET", _url(at), headers=headers, extensions={"timeout": timeouts})
            answer = pool.handle_request(request)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer, at
            where = _headers(answer).get("location", "")
            answer.close()
            at = urljoin(at, where)
            if not where or urlsplit(at).scheme not in ("http", "https"):
                raise FetchError(f"{url}: is redirected to an address that is not http")
        raise FetchError(f"{url}: is redirected more than {_REDIRECTS} times")

    def _pieces(
        self, url: str, answer: httpcore.Response, deadline: Deadline, find_stop: Callable[[], str | None]
    ) -> Iterator[bytes]:
        idle = self._table.idle
        deadline.start(self._table.total)
        counted, since = 0, time.monotonic()
        try:
            for piece in answer.iter_stream():
                reason = find_stop()
                if reason is not None:
                    raise CancelledError(reason)
                counted += len(piece)
                if (passed := time.monotonic() - since) >= idle:
                    if counted < SLOWEST * passed:
                        raise FetchError(
                            f"{url}: sends {counted / passed:.0f} bytes a second, which is too slow"
                        )
                    counted, since = 0, time.monotonic()
                yield piece
        except _FAILURES as error:
            raise FetchError(f"{url}: {_reason(error)}") from None


_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)


def _start(url: str, answer: httpcore.Response, headers: Mapping[str, str], resume: Resume | None) -> int:
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise FetchError(f"{url}: answers in an encoding that was not requested")
    if answer.status == 200:
        return 0
    if answer.status == 206 and resume is not None:
        match = _RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != resume.have:
            raise FetchError(f"{url}: answers with another part than the one that was asked for")
        return resume.have
    raise FetchError(f"{url}: answers with status {answer.status}")


def _url(text: str) -> httpcore.URL:
    parts = httpx.URL(text)
    return httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)


def _headers(answer: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}


def _reason(error: Exception) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "does not answer in time"
    return " ".join(str(error).split())[:300] or type(error).__name__
