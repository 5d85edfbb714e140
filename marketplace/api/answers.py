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


def fresh(request: Request, body: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Something that may change at any moment."""
    return fresh_response(request, write_json(body), JSON, list(headers))


def immutable(request: Request, body: Mapping[str, Any]) -> Response:
    """Something that never changes."""
    return immutable_response(request, write_json(body), JSON)


def page(request: Request, body: Mapping[str, Any], next_cursor: str | None) -> Response:
    """A page of a list: where it ends before the list does, ``next`` and a Link (RFC 8288) lead on."""
    url = None if next_cursor is None else following_url(request, cursor=next_cursor)
    return fresh(request, {**body, "next": url}, next_link(url))


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


def write_json(body: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """JSON as UTF-8; the order of members is part of what the entity tag covers."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
