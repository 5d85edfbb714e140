"""Responses built by hand where every microsecond is paid on each request, or bytes must not be touched."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries.cache import RememberedEntry

from .keeping import VARY

_IMMUTABLE = ("Cache-Control", "public, max-age=31536000, immutable")
#: What may change at any moment is kept by nobody without asking again.
_REVALIDATED = ("Cache-Control", "no-cache")

Headers = list[tuple[str, str]]


def entry_response(request: Request, entry: RememberedEntry, identifier: str) -> Response:
    """The exact received bytes of an entry, kept by caches for ever; 304 where the client has them."""
    headers = [("ETag", entry.etag), _IMMUTABLE, VARY]
    if _is_known(request, entry.etag):
        return Response(status=304, headerlist=headers, app_iter=())
    headers += [
        ("Content-Type", "application/rdf+xml"),
        ("Content-Length", str(len(entry.data))),
        ("Content-Disposition", f'attachment; filename="{identifier}.xml"'),
    ]
    return Response(headerlist=headers, app_iter=(entry.data,))


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


def tagged_response(request: Request, body: bytes, etag: str, content_type: str) -> Response:
    """The same as ``fresh_response`` where the entity tag is known already."""
    return _tagged(request, body, etag, content_type, [_REVALIDATED, VARY])


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
    return _tagged(request, body, etag_of(body), content_type, [caching, VARY, *(headers or [])])


def _tagged(request: Request, body: bytes, etag: str, content_type: str, headers: Headers) -> Response:
    common = [("ETag", etag), *headers]
    if _is_known(request, etag):
        return Response(status=304, headerlist=common, app_iter=())
    common += [("Content-Type", f"{content_type}; charset=UTF-8"), ("Content-Length", str(len(body)))]
    return Response(headerlist=common, app_iter=(body,))


def _is_known(request: Request, etag: str) -> bool:
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    # Clients mostly send back the one tag they got; the full grammar is for the rest.
    return given is not None and (given == etag or etag[1:-1] in request.if_none_match)
