"""The home page: one search box, filters with counts, and what they find."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.parameters import read_query_pairs
from marketplace.http.security import principal_of
from marketplace.http.snapshots import of_one_snapshot
from marketplace.runtime import Runtime
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError

from .front import front
from .rendering import base_path, page
from .search_page import base_values, found_values, scopes
from .trust_badges import lines_of


@view_config(route_name="web.home", request_method="GET", permission="site:read")
@of_one_snapshot
def home(request: Request) -> Response:
    """Find images; where words cannot be searched at the moment, say so and where to look instead."""
    runtime: Runtime = request.registry[Runtime]
    base, pairs = base_path(request), read_query_pairs(request)
    if not pairs:
        return front(request)
    values = base_values(base, pairs) | {"scopes": scopes(base, pairs, principal_of(request))}
    try:
        wanted = runtime.search.read(pairs)
        found = runtime.search.search(wanted, principal_of(request), runtime.now())
    except SearchRefusedError as error:
        return page(request, "home_failed", values | {"refusal": error}, 400)
    except SearchUnavailableError as error:
        response = page(request, "home_failed", values | {"unavailable": error}, 503)
        response.headerlist.append(("Retry-After", str(error.retry_after)))
        return response
    lines = lines_of(request, [hit.row for hit in found.hits])
    return page(request, "home", values | found_values(base, pairs, wanted, found, lines))
