"""What cloud sites say of images: taken in, counted, and listed for whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence

from pyramid.request import Request
from pyramid.response import Response

from marketplace.access import Principal, Scope
from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.security import principal_of
from marketplace.presence import Presence, Recall, SiteCopy
from marketplace.receipts import MOST_RECEIPTS
from marketplace.receipts.exchange import MAX_REQUEST
from marketplace.runtime import Runtime
from validators.document import Coordinates
from validators.identifier import is_identifier

from .answers import fresh, page, site_url
from .cursors import Cursor, cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation
from .json_body import CODES, read_body
from .parameters import IDENTIFIER, cursor, limit
from .presenters import Urls
from .shapes import sites as shapes

GROUP = "Cloud sites"
LIMIT = limit(100, 500)
CURSOR = cursor("api.recalls")

POST = Operation(
    "api.receipts",
    "Receipts of a cloud site",
    f"Up to {MOST_RECEIPTS} receipts, signed with the site's key, in the order in which they were made "
    "(format in docs/api.md). The first request of a token binds the key to its name; another key is "
    "refused from then on. Each receipt has its own result, and sending it again changes nothing. A "
    "receipt is accepted for entries that the token may read.",
    GROUP,
    [DescribedAnswer("What became of each.", shapes.ReceiptsShape)],
    method="POST",
    bodies={JSON: shapes.SentReceipts},
    errors={**CODES, 400: (*CODES[400], "receipt.format", "receipt.count"), 409: ["receipt.key"]},
    needs="scope `site`",
)
OF_IMAGE = Operation(
    "api.image.sites",
    "At how many cloud sites an image is",
    "By what sites said of the entries that you may read. Sites are named to administrators, and to "
    "the owner of a token who endorsed the image, of that endorser's entries.",
    GROUP,
    [DescribedAnswer("The number, and the sites where they are named.", shapes.PresenceShape)],
    path=(IDENTIFIER,),
    errors={404: ["image.unknown"]},
)
RECALLS = Operation(
    "api.recalls",
    "Withdrawn images that sites still have",
    "Images whose withdrawal some site did not follow yet: those that the token's owner endorsed, and those "
    "that sites have which send receipts with a token of the same owner; for administrators all.",
    GROUP,
    [DescribedAnswer("A page of images.", shapes.RecallsShape, headers=("Link",))],
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
    needs="any token",
)
OPERATIONS = (POST, OF_IMAGE, RECALLS)


@POST.view("receipt:write")
def post(request: Request) -> Response:
    """Take receipts in."""
    given = read_body(request, shapes.SentReceipts, most=MAX_REQUEST)
    notes = given.receipts
    if not 0 < len(notes) <= MOST_RECEIPTS or not all(isinstance(one, str) for one in notes):
        raise BadRequestError("receipt.count", f"receipts are 1-{MOST_RECEIPTS} signed texts")
    runtime: Runtime = request.registry[Runtime]
    results = runtime.receipts.take(principal_of(request), given.key, notes)
    return fresh(
        request,
        shapes.ReceiptsShape(results=[shapes.ReceiptResultShape.model_validate(one) for one in results]),
    )


@OF_IMAGE.view("entry:read")
def of_image(request: Request) -> Response:
    """At how many sites an image is."""
    identifier, principal = request.matchdict["identifier"], principal_of(request)
    runtime: Runtime = request.registry[Runtime]
    if not is_identifier(identifier):
        raise _unknown()
    with runtime.database.read() as session:
        presence = Presence(session, principal)
        if not presence.knows(identifier):
            raise _unknown()
        sites = presence.count(identifier)
        copies = None
        if _is_administrator(principal):
            copies = presence.copies(identifier)
        elif principal.name is not None:
            copies = presence.copies(identifier, principal.name) or None
    told = None if copies is None else [_copy(one) for one in copies]
    return fresh(request, shapes.PresenceShape(identifier=identifier, sites=sites, copies=told))


@RECALLS.view("recall:read")
def recalls(request: Request) -> Response:
    """A page of withdrawn images that sites still have."""
    asked = RECALLS.read(request)
    every = sorted(find_recalls(request), key=_cursor_of)
    found, after = cut_page(every, _cursor_of, asked[CURSOR], asked[LIMIT])
    urls = Urls(site_url(request))
    body = shapes.RecallsShape(total=len(every), recalls=[_recall(one, urls) for one in found])
    return page(request, body, encode_cursor(after, "api.recalls"))


def find_recalls(request: Request) -> Sequence[Recall]:
    """The recalls that concern who asks: all for administrators, else by their name as it is known here."""
    principal, runtime = principal_of(request), request.registry[Runtime]
    mine = None if _is_administrator(principal) else principal.name
    with runtime.database.read() as session:
        return Presence(session, principal).recalls(mine, mine)


def _cursor_of(one: Recall) -> Cursor:
    return one.identifier, one.entry_id


def _is_administrator(principal: Principal) -> bool:
    return Scope.ADMIN in principal.scopes


def _unknown() -> NotFoundError:
    return NotFoundError("image.unknown", "no entry about this image is known")


def _copy(one: SiteCopy) -> shapes.CopyShape:
    return shapes.CopyShape(
        site=one.site,
        id=one.entry_id,
        email=one.email,
        finding=one.finding,
        store=one.store,
        kind=one.kind,
        location=one.location,
        reason=one.reason,
        at=one.at,
    )


def _recall(one: Recall, urls: Urls) -> shapes.RecallShape:
    return shapes.RecallShape(
        id=one.entry_id,
        identifier=one.identifier,
        email=one.email,
        created=one.created,
        title=one.title,
        reason=one.reason,
        copies=[_copy(copy) for copy in one.copies],
        links=shapes.RecallLinksShape(entry=urls.entry(Coordinates(one.identifier, one.email, one.created))),
    )
