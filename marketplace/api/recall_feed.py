"""The recall list as an Atom feed: what a site, an endorser or an administrator has to see to."""

from __future__ import annotations

from lxml import etree
from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.coordinates import entry_path
from marketplace.http.responses import fresh_response
from marketplace.presence import Recall
from marketplace.runtime import Runtime
from validators.document import Coordinates, format_time

from .answers import site_url
from .description import DescribedAnswer, Operation
from .feed import ATOM_TYPE, NEVER, add_element, add_link, make_feed
from .receipts import GROUP, find_recalls

#: Recalls in the feed, the newest; the API has all of them.
_MOST = 200
#: Copies named in one entry.
_MOST_COPIES = 50

FEED = Operation(
    "api.recalls.feed",
    "The recall list as an Atom feed",
    "The newest withdrawn images that sites still have, as the recall list has them. Feed readers show a "
    "token as the user name of Basic.",
    GROUP,
    [DescribedAnswer("The feed.", content_types=(ATOM_TYPE,))],
    needs="any token",
)


@FEED.view("recall:read")
def feed(request: Request) -> Response:
    """The newest recalls."""
    found = sorted(find_recalls(request), key=lambda one: (one.created, one.entry_id), reverse=True)
    site = request.registry[Runtime].settings.site
    root = make_feed()
    add_element(root, "title", f"{site.title}: withdrawn images that sites still have")
    add_element(root, "id", f"{site.url}/api/v1/recalls.atom")
    add_element(root, "updated", max((format_time(one.created) for one in found), default=NEVER))
    add_element(add_element(root, "author"), "name", site.title)
    add_link(root, "self", f"{site_url(request)}/api/v1/recalls.atom", ATOM_TYPE)
    add_link(root, "alternate", f"{site_url(request)}/api/v1/recalls", "application/json")
    for one in found[:_MOST]:
        _entry(root, one, site.url)
    return fresh_response(request, etree.tostring(root, encoding="UTF-8", xml_declaration=True), ATOM_TYPE)


def _entry(root: etree._Element, one: Recall, site: str) -> None:
    place = Coordinates(one.identifier, one.email, one.created)
    url = f"{site}/metadata/{entry_path(place)}"
    entry = add_element(root, "entry")
    add_element(entry, "title", f"WITHDRAWN: {(one.title or one.identifier)[:200]}")
    add_element(entry, "id", url)
    add_element(entry, "updated", format_time(one.created))
    add_element(add_element(entry, "author"), "name", one.email)
    add_link(entry, "alternate", url, "text/html")
    named = [f"{copy.site}, store {copy.store} ({copy.kind})" for copy in one.copies[:_MOST_COPIES]]
    more = len(one.copies) - len(named)
    if more:
        named.append(f"and {more} more")
    reason = one.reason[:1000] or "no reason is given"
    add_element(entry, "summary", f"Withdrawn by {one.email}: {reason}\n\nStill at:\n" + "\n".join(named))
