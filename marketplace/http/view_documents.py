"""Documents of views: what other programs read, written by ``marketplace.views``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access.permissions import is_permitted
from marketplace.runtime import Runtime
from marketplace.views.definitions import DEFAULT
from marketplace.views.dialects.resourcesync import DESCRIPTION
from marketplace.views.documents import Written, find_image
from marketplace.views.service import ViewService

from .cache_policy import VARY
from .credentials import unauthorized
from .errors import HttpError, NotFoundError
from .parameters import read_body_pairs, read_query_pairs
from .responses import passing_response, tagged_response
from .security import principal_of

#: How many images of the view a document does not have, because its dialect cannot express them.
LEFT_OUT = "Marketplace-Left-Out"


@view_config(route_name="web.view.document", request_method="GET", permission="view:read")
def document(request: Request) -> Response:
    """A document of a view, or a redirect to the content of an image: never the content."""
    views: ViewService = request.registry[Runtime].views
    address, path = request.matchdict["view"], request.matchdict["path"]
    principal = principal_of(request)
    image = find_image(views.find(address, principal), path)
    if image is not None:
        return _redirect(views.location(address, image, principal))
    return document_response(request.environ, views.document(address, path, principal))


@view_config(route_name="web.view.oai", request_method=("GET", "POST"), permission="view:read")
def harvest(request: Request) -> Response:
    """An answer of a view to a harvester; faults of its arguments are answers of the protocol."""
    views: ViewService = request.registry[Runtime].views
    if request.method == "POST":
        pairs = [*read_query_pairs(request), *read_body_pairs(request)]
    else:
        pairs = read_query_pairs(request)
    written = views.answer(request.matchdict["view"], "oai-pmh", pairs, principal_of(request))
    if request.method == "POST":
        return passing_response(written.body, "text/xml", 200)
    return document_response(request.environ, written)


@view_config(route_name="web.view.resourcesync", request_method="GET", permission="view:read")
def describe_source(request: Request) -> Response:
    """Where programs that know this site alone find what ResourceSync tells of its first view."""
    views: ViewService = request.registry[Runtime].views
    written = views.document(DEFAULT, DESCRIPTION, principal_of(request))
    return document_response(request.environ, written)


def _redirect(location: str) -> Response:
    headers = [("Location", location), ("Cache-Control", "no-cache"), VARY, ("Content-Length", "0")]
    return Response(status=302, headerlist=headers, app_iter=())


def document_response(environ: Mapping[str, Any], written: Written) -> Response:
    """A document with its entity tag; 304 where the client has it."""
    told = [(LEFT_OUT, str(written.left_out))]
    return tagged_response(environ, written.body, written.etag, written.media_type, told)


def missing(request: Request) -> HttpError:
    """What is answered where nothing is, or nothing for who asks: the two look alike."""
    principal = principal_of(request)
    if principal.name is None and not is_permitted("entry:read", principal):
        return unauthorized(request, "credentials.missing", "please sign in, or send a token")
    return NotFoundError("view.unknown", "there is no such view, or no such document of it")
