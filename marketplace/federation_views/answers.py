"""Answers to peers: compressed where that helps, cacheable where they never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pyramid.request import Request
from pyramid.response import Response

from marketplace.access import PUBLIC
from marketplace.federation.errors import UnknownLogError
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.site import Federation
from marketplace.federation.trees import PublishedLog
from marketplace.http.compression import coding_of, compressed
from marketplace.http.errors import HttpError, NotFoundError
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.tlog.errors import TileError
from marketplace.tlog.tiles import TileName, parse_tile_name

Headers = list[tuple[str, str]]

NO_CACHE = ("Cache-Control", "no-cache")
NO_STORE = ("Cache-Control", "no-store")
BINARY = "application/octet-stream"

_FOREVER = "max-age=31536000, immutable"


def federation_of(request: Request) -> Federation:
    """The federation's parts.

    Raises:
        NotFoundError: this site has no keys, so it takes no part.
    """
    federation: Federation | None = request.registry[Runtime].federation
    if federation is None:
        raise _unknown_log()
    return federation


@contextmanager
def reading(request: Request) -> Iterator[PublishedLogs]:
    """The published logs that this reader may see, on one snapshot.

    Raises:
        NotFoundError: no such log, or no such part of it; or this site takes no part.
        HttpError: 503; the log is not published now.
    """
    if not federation_of(request).ready.is_set():
        # What was published before may be more than this database has: showing less would look like a fraud.
        reason = (
            "this site has just started and is asking its peers how much of its logs they have seen: "
            "try again in a moment"
        )
        raise HttpError(503, "federation.starting", reason, headers=[("Retry-After", "1")])
    runtime: Runtime = request.registry[Runtime]
    try:
        with runtime.database.read() as session:
            yield PublishedLogs(session, principal_of(request).logs)
    except UnknownLogError:
        raise _unknown_log() from None


def log_of(request: Request, logs: PublishedLogs) -> PublishedLog:
    """The log in the URL."""
    return logs.log(request.matchdict["log"])


def tile_name(request: Request) -> TileName:
    """The tile's or bundle's name in the URL.

    Raises:
        NotFoundError: it is none.
    """
    try:
        return parse_tile_name(request.matchdict["name"])
    except TileError as error:
        raise NotFoundError("federation.part", str(error)) from None


def immutable(log: PublishedLog) -> tuple[str, str]:
    """Caching of what never changes: by everybody for the public log, else by the reader only."""
    return ("Cache-Control", f"{'public' if log.name == PUBLIC else 'private'}, {_FOREVER}")


def answer(request: Request, body: bytes | Iterable[bytes], content_type: str, headers: Headers) -> Response:
    """200 with a body, compressed as the client takes it; an iterable is sent as it is made."""
    coding = coding_of(request.environ)
    common = [
        ("Content-Type", content_type),
        ("Vary", "Accept-Encoding, Authorization"),
        *([("Content-Encoding", coding)] if coding != "identity" else []),
        *headers,
    ]
    if isinstance(body, bytes):
        packed = b"".join(compressed((body,), coding))
        return Response(headerlist=[*common, ("Content-Length", str(len(packed)))], app_iter=(packed,))
    return Response(headerlist=common, app_iter=compressed(body, coding))


def plain(body: bytes, content_type: str, headers: Headers, status: int = 200) -> Response:
    """A small body, or one that does not get smaller."""
    return Response(
        status=status,
        headerlist=[("Content-Type", content_type), ("Content-Length", str(len(body))), *headers],
        app_iter=(body,),
    )


def _unknown_log() -> NotFoundError:
    return NotFoundError(UnknownLogError.code, "there is no such log")
