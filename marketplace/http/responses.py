"""Responses built by hand where every microsecond is paid on each request, or bytes must not be touched."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries.cache import RememberedEntry
from marketplace.federation.head import Head
from validators.times import parse_time

from .cache_policy import VARY

_RANGES = ("Accept-Ranges", "bytes")
#: One range; the numbers have as many digits as any size.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_IMMUTABLE = ("Cache-Control", "public, max-age=31536000, immutable")
#: What may change at any moment is kept by nobody without asking again.
_REVALIDATED = ("Cache-Control", "no-cache")

Headers = list[tuple[str, str]]


class PlainResponse(Response):  # type: ignore[misc]  # Pyramid has no types
    """A response that names no place, so that WebOb need not look through its headers for one."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Send it."""
        start_response(self.status, self.headerlist)
        return self.app_iter if environ["REQUEST_METHOD"] != "HEAD" else ()


def entry_response(
    environ: Mapping[str, Any], entry: RememberedEntry, identifier: str, created: str
) -> Response:
    """The exact received bytes of an entry, marked immutable for caches; 304 where the client has them.

    Args:
        created: of the entry, as URLs write it; nothing about it changed since.
    """
    headers = [("ETag", entry.etag), _IMMUTABLE, VARY, _RANGES]
    seconds, date = _http_date(created)
    if seconds <= time.time():  # else no clock says that it was written by now (RFC 9110, section 8.8.2)
        headers.append(("Last-Modified", date))
    if _is_known(environ, entry.etag) or _is_old(environ, seconds):
        return PlainResponse(status=304, headerlist=headers, app_iter=())
    headers += [
        ("Content-Type", "application/rdf+xml"),
        ("Content-Disposition", f'attachment; filename="{identifier}.xml"'),
    ]
    size = len(entry.data)
    if "HTTP_RANGE" in environ and environ["REQUEST_METHOD"] == "GET" and _may_cut(environ, entry.etag, date):
        part = _range_of(environ, size)
        if part is not None:
            return _part(entry.data, part, headers)
    return PlainResponse(headerlist=[*headers, ("Content-Length", str(size))], app_iter=(entry.data,))


def _part(data: bytes, part: range, headers: Headers) -> Response:
    """Some bytes of a body (RFC 9110, sections 14.4 and 15.3.7), or 416 where there are none."""
    if not part:
        told = [("Content-Range", f"bytes */{len(data)}"), ("Content-Length", "0")]
        return Response(status=416, headerlist=[*headers, *told], app_iter=())
    cut = data[part.start : part.stop]
    told = [
        ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{len(data)}"),
        ("Content-Length", str(len(cut))),
    ]
    return Response(status=206, headerlist=[*headers, *told], app_iter=(cut,))


def _range_of(environ: Mapping[str, Any], size: int) -> range | None:
    """The bytes that are asked for, empty where there are none; None for several ranges, or no proper one."""
    found = _RANGE.fullmatch(environ["HTTP_RANGE"].strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        return range(max(0, size - int(found[2])), size)
    first, last = int(found[1]), int(found[2] or size)
    if last < first:
        return None
    return range(min(first, size), min(last + 1, size))


def _may_cut(environ: Mapping[str, Any], etag: str, date: str) -> bool:
    """Whether a range is of what the client has (RFC 9110, section 13.1.5)."""
    given = environ.get("HTTP_IF_RANGE")
    return given is None or given in (etag, date)


def _is_old(environ: Mapping[str, Any], seconds: float) -> bool:
    """Whether a client without an entity tag has it since it was written."""
    given = environ.get("HTTP_IF_MODIFIED_SINCE")
    if given is None or "HTTP_IF_NONE_MATCH" in environ:
        return False
    try:
        return parsedate_to_datetime(given).timestamp() >= seconds
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _http_date(created: str) -> tuple[float, str]:
    moment = parse_time(created)
    return moment.timestamp(), format_datetime(moment, usegmt=True)


def head_response(environ: Mapping[str, Any], head: Head, *, is_public: bool) -> Response:
    """The newest checkpoint of a log; 304 where the client has it.

    Args:
        is_public: whether everybody may read the log.
    """
    # Cosignatures come later than the head they are under: with them it is another representation.
    signatures = head.note.count(b"\n\xe2\x80\x94 ")
    tag = f'"{head.size}-{head.root.hex()[:8]}{"" if signatures == 1 else f"-{signatures}"}"'
    caching = f"{'public' if is_public else 'private'}, max-age=1"
    headers = [("ETag", tag), ("Cache-Control", caching), ("Vary", "Authorization")]
    if _is_known(environ, tag):
        return PlainResponse(status=304, headerlist=headers, app_iter=())
    headers += [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(head.note)))]
    return PlainResponse(headerlist=headers, app_iter=(head.note,))


def immutable_response(request: Request, body: bytes, content_type: str) -> Response:
    """Something computed from an immutable entry alone."""
    return _response(request, body, content_type, _IMMUTABLE)


def fresh_response(
    request: Request, body: bytes, content_type: str, headers: Headers | None = None
) -> Response:
    """Something that may change; clients ask again with its entity tag."""
    return _response(request, body, content_type, _REVALIDATED, headers or [])


def etag_of(body: bytes) -> str:
    """The strong entity tag of a body, quoted."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def unchanged_response(request: Request, etag: str) -> Response | None:
    """304 where the client has what an entity tag stands for, before anything is made; else None."""
    if not _is_known(request.environ, etag):
        return None
    return Response(status=304, headerlist=[("ETag", etag), _REVALIDATED, VARY], app_iter=())


def tagged_response(
    environ: Mapping[str, Any], body: bytes, etag: str, content_type: str, headers: Headers | None = None
) -> Response:
    """``fresh_response`` with an entity tag that is already known."""
    return _tagged(environ, body, etag, content_type, [_REVALIDATED, VARY, *(headers or [])])


def passing_response(body: bytes, content_type: str, status: int) -> Response:
    """What came of this one request: nobody keeps it, and ``If-None-Match`` does not apply.

    Source: RFC 9110, section 13.2.1: conditions are for requests that would be answered with 2xx.
    """
    headers = [("Cache-Control", "no-store"), VARY, ("Content-Type", f"{content_type}; charset=UTF-8")]
    return Response(
        status=status, headerlist=[*headers, ("Content-Length", str(len(body)))], app_iter=(body,)
    )


def stream_response(chunks: Iterable[bytes], content_type: str, headers: Headers) -> Response:
    """A body of unknown length, sent as it is read."""
    return Response(
        headerlist=[("Content-Type", f"{content_type}; charset=UTF-8"), _REVALIDATED, VARY, *headers],
        app_iter=chunks,
    )


def _response(
    request: Request, body: bytes, content_type: str, caching: tuple[str, str], headers: Headers | None = None
) -> Response:
    return _tagged(request.environ, body, etag_of(body), content_type, [caching, VARY, *(headers or [])])


def _tagged(
    environ: Mapping[str, Any], body: bytes, etag: str, content_type: str, headers: Headers
) -> Response:
    common = [("ETag", etag), *headers]
    if _is_known(environ, etag):
        return PlainResponse(status=304, headerlist=common, app_iter=())
    # A type with parameters of its own is whole.
    told = content_type if ";" in content_type else f"{content_type}; charset=UTF-8"
    common += [("Content-Type", told), ("Content-Length", str(len(body)))]
    return PlainResponse(headerlist=common, app_iter=(body,))


def _is_known(environ: Mapping[str, Any], etag: str) -> bool:
    given = environ.get("HTTP_IF_NONE_MATCH")
    # Clients mostly send back the one tag they got; the full grammar is for the rest.
    return given is not None and (given == etag or etag[1:-1] in Request(environ).if_none_match)
