"""``/docs``: the documentation that came with this version, and a search over its sections."""

from __future__ import annotations

from markupsafe import Markup
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import HttpError
from marketplace.http.parameters import read_query

from .handbook import ABOUT, ADDRESS, CHAPTERS, PICTURES, handbook, picture
from .rendering import base_path, page

#: Characters of a search that are looked at.
_MOST_WORDS = 200


@view_config(route_name="web.docs", request_method="GET", permission="site:read")
def contents(request: Request) -> Response:
    """What there is to read, or the sections that a search found."""
    words = read_query(request).get("words", "")[:_MOST_WORDS]
    found = handbook().search(words)
    values = {"shown": CHAPTERS, "about": ABOUT, "asked": words, "found": found, "shown_page": None}
    return page(request, "handbook", values)


@view_config(route_name="web.docs.page", request_method="GET", permission="site:read")
def one_page(request: Request) -> Response:
    """One page of the documentation, or a picture in one."""
    path = request.matchdict["page"]
    if path in PICTURES:
        return Response(picture(path), content_type="image/png", cache_control="max-age=3600")
    found = handbook().pages.get(path)
    if found is None:
        raise HttpError(404, "docs.unknown", "there is no such page in the documentation: see /docs")
    html = Markup(found.html.replace(ADDRESS, f"{base_path(request)}/docs/"))  # noqa: S704  # made by handbook
    values = {"shown": CHAPTERS, "asked": "", "found": [], "shown_page": found, "html": html}
    return page(request, "handbook", values | {"at": path.partition("/")[0]})
