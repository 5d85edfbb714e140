"""Error responses in the form the client asked for.

The original service's shapes (``<error>`` in XML, ``{"400": ...}`` in JSON, a
page for browsers) serve its clients; problem+json (RFC 9457) adds the rule's code
and is the only form where only programs ask.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote
from xml.sax.saxutils import escape

from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response

from marketplace.logs import request_id

from .cache_policy import VARY
from .errors import HttpError
from .negotiation import LIST, PROBLEM_TYPE, Media, Offer, by_accept, choose
from .parameters import is_plain, read_query

#: Where only programs ask, which get problem documents.
_FOR_PROGRAMS = ("/api/", "/fed/", "/.well-known/")

#: Beginning of a path -> where a reader goes on from an error there: path and words of the link.
_NEXT_STEPS = {
    "/views": ("/views", "All views"),
    "/endorsers": ("/endorsers", "All publishers"),
    "/events": ("/events", "All events"),
    "/docs": ("/docs", "Documentation"),
    "/webhooks": ("/webhooks", "Your webhooks"),
    "/account": ("/account", "Your account"),
    # Who may not administer finds nothing there.
    "/admin": ("/account", "Your account"),
    "/upload": ("/upload", "Back to the upload"),
    # Links in mails.
    "/action": ("/upload", "Upload an entry"),
}
#: Statuses after which the same request may succeed later.
_PASSING = (429, 500, 502, 503, 504)

_OFFERS = (*LIST, Offer(PROBLEM_TYPE, Media.JSON))


def error_response(request: Request, error: HttpError) -> Response:
    """Write an error as the client wants to read it."""
    offer = error_offer(request)
    if offer.content_type == PROBLEM_TYPE:
        body = problem_json(error)
    elif offer.media is Media.JSON:
        body = json.dumps({str(error.status): error.reason}).encode()
    elif offer.media is Media.HTML:
        body = _page(request, error)
    else:
        body = f"<error>{_xml_text(error.reason)}</error>".encode()
    content_type = offer.content_type if offer.content_type == PROBLEM_TYPE else _WRITTEN_AS[offer.media]
    headers = [*error.headers, ("Cache-Control", "no-store"), VARY]
    response = Response(body=body, status=error.status, content_type=content_type)
    if content_type != PROBLEM_TYPE:
        response.charset = "UTF-8"
    response.headerlist.extend(headers)
    return response


def problem_json(error: HttpError) -> bytes:
    """The problem document of an error; its ``type`` is about:blank, the ``code`` tells rules apart."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.reason,
        "code": error.code,
        **error.details,
        "request_id": request_id.get(),
    }
    return json.dumps(problem).encode()


_WRITTEN_AS = {Media.XML: "application/xml", Media.JSON: "application/json", Media.HTML: "text/html"}


def error_offer(request: Request) -> Offer:
    """The form of an error: as for any resource, but a faulty request gets one it may not have asked for."""
    environ = request.environ
    by_header = by_accept(environ.get("HTTP_ACCEPT", ""), _OFFERS) or _OFFERS[0]
    if environ.get("PATH_INFO", "").startswith(_FOR_PROGRAMS) or by_header is _OFFERS[-1]:
        return _OFFERS[-1]
    try:
        return choose(request, read_query(request).get("media"), _OFFERS)
    except HttpError:
        return by_header


@dataclass(frozen=True, slots=True)
class NextStep:
    """Where a reader goes on from an error: a path below the site's, and the words of the link."""

    path: str
    text: str


def next_step(status: int, path: str, wanted: str) -> NextStep:
    """The step that an error page offers.

    Args:
        status: HTTP status of the error.
        path: of the request.
        wanted: path and query that the same link would open; empty for forms.
    """
    if status in _PASSING and wanted:
        return NextStep(wanted, "Try again")
    part = "/" + path.lstrip("/").partition("/")[0]
    offered, text = _NEXT_STEPS.get(part, ("/", "Find an image"))
    if offered == wanted:  # the same error again
        return NextStep("/", "Find an image")
    return NextStep(offered, text)


def _page(request: Request, error: HttpError) -> bytes:
    wanted = _path_of(request)
    values = {
        "status": error.status,
        "phrase": HTTPStatus(error.status).phrase,
        "reason": error.reason,
        "code": error.code,
        "request_id": request_id.get(),
        "wanted": wanted,
        "next_step": next_step(error.status, request.environ.get("PATH_INFO", ""), wanted),
    }
    page: str = render("marketplace:pages/templates/error.jinja2", values, request)
    return page.encode()


def _path_of(request: Request) -> str:
    """Where a reader wanted to go, to be sent there once signed in; empty for forms and strange paths."""
    environ = request.environ
    if environ["REQUEST_METHOD"] != "GET":
        return ""
    query = environ.get("QUERY_STRING", "")
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/@:+~")
    return f"{path}{'?' if query else ''}{query}"


def _xml_text(text: str) -> str:
    # A character XML cannot hold would make the answer unreadable.
    safe = text if is_plain(text) else "".join(c if is_plain(c) else "\ufffd" for c in text)
    return escape(safe)
