"""``GET /api/v1``: where everything is."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.runtime import Runtime

from .answers import fresh
from .description import DescribedAnswer, Operation

#: Names of things, and their paths.
_LINKS = {
    "search": "/api/v1/search",
    "feed": "/api/v1/search.atom",
    "entries": "/api/v1/entries",
    "endorsers": "/api/v1/endorsers",
    "changes": "/api/v1/changes",
    "verify": "/api/v1/verify",
    "tokens": "/api/v1/tokens",
    "groups": "/api/v1/groups",
    "views": "/api/v1/views",
    "audit": "/api/v1/audit",
    "upload": "/metadata",
    "sparql": "/query",
    "description": "/openapi.json",
    "documentation": "/docs",
}

INDEX = Operation(
    "api.index", "Index", "Links to what there is.", "Search", [DescribedAnswer("The links.", "Index")]
)


@INDEX.view("site:read")
def index(request: Request) -> Response:
    """Links to what there is."""
    site = request.registry[Runtime].settings.site
    links = {name: f"{site.url}{path}" for name, path in _LINKS.items()}
    return fresh(request, {"title": site.title, "version": "v1", "links": links})
