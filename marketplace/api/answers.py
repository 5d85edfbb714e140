"""Answers of the API: JSON with an entity tag, and a Link to the next page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.parameters import read_query_pairs
from marketplace.http.responses import fresh_response, immutable_response
from marketplace.runtime import Runtime

from .description import JSON
from .shapes.base import Shape

#: What an answer is written from.
Body = Shape | Mapping[str, Any]


def fresh(request: Request, body: Body, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """An answer that may change at any moment."""
    return fresh_response(request, write_json(body), JSON, list(headers))


def immutable(request: Request, body: Body) -> Response:
    """An answer that never changes."""
    return immutable_response(request, write_json(body), JSON)


def page(request: Request, body: Body, next_cursor: str | None) -> Response:
    """A page of a list: where it ends before the list does, ``next`` and a Link (RFC 8288) lead on."""
    url = None if next_cursor is None else following_url(request, cursor=next_cursor)
    told = body.model_copy(update={"next": url}) if isinstance(body, Shape) else {**body, "next": url}
    return fresh(request, told, next_link(url))


def created(body: Body, location: str) -> Response:
    """An answer about something made just now, which no cache may keep: it may hold a secret."""
    response = Response(body=write_json(body), status=201, content_type=JSON, charset="UTF-8")
    response.headerlist += [("Location", location), ("Cache-Control", "no-store")]
    return response


def next_link(url: str | None) -> list[tuple[str, str]]:
    """The Link header to a next page, if there is one."""
    return [] if url is None else [("Link", f'<{url}>; rel="next"')]


def following_url(request: Request, **changed: str) -> str:
    """This request's URL with some parameters changed."""
    kept = [(name, value) for name, value in read_query_pairs(request) if name not in changed]
    path = quote(request.environ["PATH_INFO"].encode("latin-1"), safe="/@:+~")
    query = urlencode([*kept, *changed.items()])
    return f"{site_url(request)}{path}{'?' if query else ''}{query}"


def site_url(request: Request) -> str:
    """The public base URL, as configured."""
    url: str = request.registry[Runtime].settings.site.url
    return url


def write_json(body: Body | Sequence[Any]) -> bytes:
    """JSON as UTF-8; the order of members is part of what the entity tag covers."""
    if isinstance(body, Shape):
        return body.model_dump_json().encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
