"""What every route answers beside its own methods: OPTIONS, and 405 for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from .errors import HttpError


class RouteLike(Protocol):
    """What is needed of a row of the route table."""

    @property
    def name(self) -> str: ...
    @property
    def allow(self) -> str: ...


def add_method_views(config: Configurator, routes: Iterable[RouteLike]) -> None:
    """Give each route its OPTIONS and its 405."""
    for route in routes:
        _add_method_views(config, route.name, route.allow)


def _add_method_views(config: Configurator, name: str, allow: str) -> None:
    def options(request: Request) -> Response:
        headers = [
            ("Allow", allow),
            # Reading only: what other sites' pages may show is what everybody may see.
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
            ("Access-Control-Allow-Headers", "Accept, Content-Type, If-None-Match, X-Request-Id"),
            ("Access-Control-Max-Age", "86400"),
        ]
        return Response(status=204, headerlist=headers)

    def refuse(request: Request) -> Response:
        # The method is hostile text of any length: it is not repeated.
        raise HttpError(405, "method", f"this resource answers {allow}", headers=[("Allow", allow)])

    config.add_view(options, route_name=name, request_method="OPTIONS", permission=NO_PERMISSION_REQUIRED)
    config.add_view(refuse, route_name=name, permission=NO_PERMISSION_REQUIRED)
