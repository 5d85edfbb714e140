"""What programs look for at fixed paths: rules for robots, an icon, and whom to tell of a hole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import NotFoundError
from marketplace.http.responses import fresh_response
from marketplace.runtime import Runtime
from validators.document import format_time

#: Links of mails, forms, and answers that cost much and lead nowhere.
_NOT_FOR_ROBOTS: Final = (
    "/account",
    "/action/",
    "/api/",
    "/fed/",
    "/login",
    "/publish",
    "/query",
    "/reminders",
    "/upload",
)
_ICON: Final = (Path(__file__).parent / "static" / "icon.svg").read_bytes()


@view_config(route_name="web.robots", request_method="GET", permission="health:read")
def robots(request: Request) -> Response:
    """What crawlers may read (RFC 9309): pages; of a site that asks for a token nothing."""
    site = request.registry[Runtime].settings.site
    paths = ("/",) if site.mode == "private" else _NOT_FOR_ROBOTS
    rules = "".join(f"Disallow: {path}\n" for path in paths)
    return fresh_response(request, f"User-agent: *\n{rules}".encode(), "text/plain")


@view_config(route_name="web.favicon", request_method="GET", permission="health:read")
def favicon(request: Request) -> Response:
    """The icon of the pages, for programs that do not read what pages say."""
    response = Response(body=_ICON, content_type="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@view_config(route_name="web.security", request_method="GET", permission="health:read")
def security(request: Request) -> Response:
    """Whom to tell of a hole (RFC 9116), where the operator named somebody."""
    runtime: Runtime = request.registry[Runtime]
    site = runtime.settings.site
    if site.security_contact is None:
        raise NotFoundError("path.unknown", "this site has no security contact")
    lines = (
        f"Contact: {site.security_contact}",
        f"Expires: {format_time(_expiry(runtime.now()))}",
        f"Canonical: {site.url}/.well-known/security.txt",
    )
    return fresh_response(request, "".join(f"{line}\n" for line in lines).encode(), "text/plain")


def _expiry(now: datetime) -> datetime:
    """The start of the month half a year from now: less than a year ahead, and the same for weeks."""
    months = now.year * 12 + now.month - 1 + 6
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
