"""One look at a location: is the content there, how large is it, and with what does it begin."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, replace
from enum import StrEnum
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpcore

from marketplace.authorities import get_authorities
from marketplace.deadlines import Deadline
from marketplace.locations.addresses import AddressGuard, GuardedNetwork, RefusedAddressError


class Reach(StrEnum):
    """What became of a look at a location."""

    THERE = "there"
    #: Answered, and without the content: 404, 403, 500, no redirect that ends.
    ANSWERED_OTHERWISE = "answered-otherwise"
    #: No answer: no such name, no connection, no trust in the certificate, too slow.
    SILENT = "silent"
    #: An address that is not asked, by itself or behind a redirect.
    INSIDE = "inside"
    #: Nothing that the web serves.
    NOT_WEB = "not-web"


@dataclass(frozen=True)
class LookLimits:
    """Limits for one check of a location.

    Args:
        connect_seconds, silence_seconds: until a connection stands; between two pieces.
        total_seconds: for a look with all its requests.
        redirects: followed.
        most_bytes: read of the content's beginning; 0 reads nothing.
    """

    connect_seconds: float = 5.0
    silence_seconds: float = 10.0
    total_seconds: float = 30.0
    redirects: int = 5
    most_bytes: int = 128 * 1024


@dataclass(frozen=True)
class Look:
    """The result of a look at a location.

    Args:
        size: bytes of the content, as the server tells; None where it does not.
        start: its first bytes.
        reason: a clause for people.
        at: the address that was asked last, behind every redirect.
    """

    reach: Reach
    size: int | None = None
    start: bytes = b""
    reason: str = ""
    at: str = ""


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NO_HEAD: Final = frozenset({403, 405, 501})
_TOTAL: Final = re.compile(rb"bytes [0-9]{1,19}-[0-9]{1,19}/([0-9]{1,19})")
_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
_MOST_URL: Final = 2000
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    ssl.SSLError,
    OSError,
)


class _Refused(Exception):
    """The look is over, and this is what came of it."""

    def __init__(self, look: Look) -> None:
        super().__init__(look.reason)
        self.look = look


class Looker:
    """Looks at locations, one after the other. A context manager: closes its connections.

    Args:
        guard: says which addresses may be asked.
        limits: of each look.
    """

    def __init__(self, guard: AddressGuard, limits: LookLimits | None = None) -> None:
        self._limits = limits or LookLimits()
        self._deadline = Deadline()
        self._at = ""
        self._pool = httpcore.ConnectionPool(
            ssl_context=get_authorities(),
            max_connections=2,
            network_backend=GuardedNetwork(guard, self._deadline),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def look(self, url: str) -> Look:
        """Look at a location: HEAD, then its first bytes by GET. Never raises for what a server does."""
        self._deadline.start(self._limits.total_seconds)
        return replace(self._try(url), at=self._at)

    def _try(self, url: str) -> Look:
        self._at = url
        try:
            return self._look(url)
        except _Refused as refused:
            return refused.look
        except RefusedAddressError as error:
            return Look(Reach.INSIDE, reason=str(error))
        except httpcore.TimeoutException:
            return Look(Reach.SILENT, reason="no answer in time")
        except _FAILURES as error:
            reason = re.sub(r"^\[Errno -?\d+\] ", "", " ".join(str(error).split()))
            return Look(Reach.SILENT, reason=_printable(reason) or type(error).__name__)

    def _look(self, url: str) -> Look:
        place, head = self._ask("HEAD", url, self._limits.redirects)
        if head.status not in _NO_HEAD:
            self._verify_there(head)
        if not self._limits.most_bytes and head.status not in _NO_HEAD:
            return Look(Reach.THERE, _length(head))
        _, content = self._ask("GET", place, self._limits.redirects)
        self._verify_there(content)
        size = _length(content)
        return Look(Reach.THERE, _length(head) if size is None else size, content.start)

    def _verify_there(self, answer: _Answer) -> None:
        if answer.status not in (200, 206):
            raise _Refused(Look(Reach.ANSWERED_OTHERWISE, reason=f"the server answers with {answer.status}"))

    def _ask(self, method: str, url: str, redirects: int) -> tuple[str, _Answer]:
        """The first answer that is no redirect, and where it came from."""
        for _ in range(redirects + 1):
            self._at = url
            _verify_web(url)
            answer = self._send(method, url)
            if answer.status not in _REDIRECTS:
                return url, answer
            target = answer.headers.get(b"location", b"").decode("latin-1")
            if not target:
                break
            try:
                url = urljoin(url, target)
            except ValueError:
                raise _Refused(Look(Reach.NOT_WEB, reason="it redirects to no address")) from None
        raise _Refused(Look(Reach.ANSWERED_OTHERWISE, reason="the server redirects endlessly"))

    def _send(self, method: str, url: str) -> _Answer:
        most = self._limits.most_bytes
        headers: dict[bytes | str, bytes | str] = {
            "Host": urlsplit(url).netloc,
            "User-Agent": "marketplace",
            "Accept-Encoding": "identity",
        }
        if method == "GET":
            headers["Range"] = f"bytes=0-{max(most, 1) - 1}"
        times = {
            "connect": self._limits.connect_seconds,
            "read": self._limits.silence_seconds,
            "write": self._limits.silence_seconds,
            "pool": self._limits.connect_seconds,
        }
        with self._pool.stream(method, url, headers=headers, extensions={"timeout": times}) as response:
            found = {name.lower(): value for name, value in response.headers}
            start = bytearray()
            # A server may ignore the range and send terabytes.
            for piece in response.iter_stream() if method == "GET" else ():
                start += piece
                if len(start) >= most:
                    break
            return _Answer(response.status, found, bytes(start[:most]))


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[bytes, bytes]
    start: bytes


def _verify_web(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError:
        usable = False
    if not usable or len(url) > _MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _Refused(Look(Reach.NOT_WEB, reason="it is not an http or https address"))


def _length(answer: _Answer) -> int | None:
    total = _TOTAL.fullmatch(answer.headers.get(b"content-range", b""))
    if answer.status == 206:
        return int(total[1]) if total else None
    length = answer.headers.get(b"content-length", b"")
    return int(length) if _LENGTH.fullmatch(length) else None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]
