"""The keys of cloud sites, for administrators."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import BadRequestError
from marketplace.presence import SiteRegistry
from marketplace.receipts import parse_site_key
from marketplace.runtime import Runtime

from .access import actor_of, now_of
from .answers import fresh, page
from .cursors import cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation, Parameter
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .receipts import GROUP
from .shapes import sites as shapes

LIMIT = limit(100, 500)
CURSOR = cursor("api.sites")
SITE = Parameter(
    "site",
    "the name of a cloud site",
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
    lambda text: text or "",
)
_ADMIN = "scope `admin`"

SITES = Operation(
    "api.sites",
    "Cloud sites whose receipts are taken",
    "With the key of each; by name.",
    GROUP,
    [DescribedAnswer("A page of sites.", shapes.CloudSitesShape, headers=("Link",))],
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
    needs=_ADMIN,
)
BIND = Operation(
    "api.site",
    "Bind a key to a site's name",
    "In the place of any other. What the site said under its old key stays.",
    GROUP,
    [DescribedAnswer("The site.", shapes.CloudSiteShape)],
    method="PUT",
    path=(SITE,),
    bodies={JSON: shapes.SiteKey},
    errors={**CODES, 400: (*CODES[400], "receipt.format")},
    needs=_ADMIN,
)
FORGET = Operation(
    "api.site",
    "Delete a cloud site",
    "With its key and everything that it said.",
    GROUP,
    [DescribedAnswer("It is forgotten.", content_types=(), status=204)],
    method="DELETE",
    path=(SITE,),
    errors={404: ["site.unknown"]},
    needs=_ADMIN,
)
OPERATIONS = (SITES, BIND, FORGET)


@SITES.view("cloud-site:read")
def sites(request: Request) -> Response:
    """A page of sites."""
    asked = SITES.read(request)
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        every = SiteRegistry(session).list()
    found, after = cut_page(every, lambda one: (one.name,), asked[CURSOR], asked[LIMIT])
    body = shapes.CloudSitesShape(
        total=len(every), sites=[shapes.CloudSiteShape.model_validate(one) for one in found]
    )
    return page(request, body, encode_cursor(after, "api.sites"))


@BIND.view("cloud-site:write")
def bind(request: Request) -> Response:
    """Bind a key to the site's name."""
    key = parse_site_key(read_body(request, shapes.SiteKey).key)
    if key.name != request.matchdict["site"]:
        raise BadRequestError("receipt.format", f"the key is named {key.name}, as its site must be")
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.write() as session:
        bound = SiteRegistry(session).bind(key, by=actor_of(request), at=now_of(request))
    return fresh(request, shapes.CloudSiteShape.model_validate(bound))


@FORGET.view("cloud-site:write")
def forget(request: Request) -> Response:
    """Forget a site."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.write() as session:
        SiteRegistry(session).forget(request.matchdict["site"], by=actor_of(request), at=now_of(request))
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])
