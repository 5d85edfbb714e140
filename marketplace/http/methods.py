"""What every route answers beside its own methods: OPTIONS, and 405 for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from .errors import HttpError
from .problems import error_response


class RouteLike(Protocol):
    """What is needed of a row of the route table."""

    @property
    def name(self) -> str: ...
    @property
    def allow(self) -> str: ...


#: Where the registry keeps which methods each route answers, by its name.
_ALLOWED = "marketplace.allowed"


def keep_methods(config: Configurator, routes: Iterable[RouteLike]) -> None:
    """Remember what each route answers, for ``answer_other_method``.

    Views of their own, two for each route, would be more than half of what a start has to register.
    """
    config.registry[_ALLOWED] = {route.name: route.allow for route in routes}


def answer_other_method(request: Request) -> Response | None:
    """Answer a request whose route has no view for it: OPTIONS, or a refusal; None where it has no route."""
    route = request.matched_route
    allow = None if route is None else request.registry[_ALLOWED].get(route.name)
    if allow is None:
        return None
    if request.method != "OPTIONS":
        # The method is hostile text of any length: it is not repeated.
        error = HttpError(405, "method", f"this resource answers {allow}", headers=[("Allow", allow)])
        return error_response(request, error)
    headers = [
        ("Allow", allow),
        # Reading only: what other sites' pages may show is what everybody may see.
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
        ("Access-Control-Allow-Headers", "Accept, Content-Type, If-None-Match, X-Request-Id"),
        ("Access-Control-Max-Age", "86400"),
    ]
    return Response(status=204, headerlist=headers)
