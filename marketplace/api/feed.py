"""A search as an Atom feed, so that whoever waits for an image learns of it.

Source: The Atom Syndication Format (RFC 4287); Feed Paging (RFC 5005, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from lxml import etree
from pyramid.request import Request
from pyramid.response import Response

from marketplace.facets import Facet
from marketplace.http.coordinates import entry_path
from marketplace.http.parameters import read_query_pairs
from marketplace.http.responses import fresh_response
from marketplace.http.snapshots import of_one_snapshot
from marketplace.runtime import Runtime
from marketplace.search.request import SearchRequest
from marketplace.search.results import SearchHit
from validators.document import format_time
from validators.policy import Code, Status, Verdict

from .answers import following_url, next_link, site_url
from .description import DescribedAnswer, Operation
from .filters import SEARCH_PARAMETERS
from .presenters import LIST_CHARACTERS, LIST_TAGS, Urls
from .search import SEARCH, judge_hits, newest_first, read_search, run_search

ATOM_TYPE = "application/atom+xml"
ATOM = "http://www.w3.org/2005/Atom"
#: An image's endorsement is this resource at every marketplace.
_RESOURCE = "http://mp.stratuslab.eu/#"
#: When nothing was ever said: a feed needs a time, and this one does not change.
NEVER = "1970-01-01T00:00:00Z"
#: Parameters that say how a search is shown, not what is searched for.
_VIEW = ("cursor", "limit", "sort")

_ALLOWED, _WITHDRAWN = "allowed", "withdrawn"
#: What readers that show titles only have to see.
_TITLES = {_WITHDRAWN: "WITHDRAWN: ", Code.REVOKED: "REVOKED: ", Code.CONFLICT: "CONTRADICTED: "}

FEED = Operation(
    "api.feed",
    "A search as an Atom feed",
    "Takes the parameters of the search; without `sort` the newest entries come first, and without `status` "
    "withdrawn images are in it too: their title begins with WITHDRAWN, and a category says whether an image "
    "may be used (`allowed`, `withdrawn`, or the code of the verdict's first reason).",
    "Search",
    [DescribedAnswer("The feed.", content_types=(ATOM_TYPE,), headers=("Link",))],
    query=SEARCH_PARAMETERS,
    errors=SEARCH.errors,
)


@FEED.view("entry:read")
@of_one_snapshot
def feed(request: Request) -> Response:
    """The hits of a search, newest first."""
    asked = newest_first(_with_recalls(request, read_search(request, FEED)))
    found = run_search(request, asked)
    following = None if found.next_cursor is None else following_url(request, cursor=found.next_cursor)
    verdicts = judge_hits(request, found.hits)
    body = _write(request, asked.words, found.hits, verdicts, following)
    return fresh_response(request, body, ATOM_TYPE, next_link(following))


def _with_recalls(request: Request, asked: SearchRequest) -> SearchRequest:
    """A search that also finds withdrawn entries: readers who follow an image must learn of them."""
    if any(name == Facet.STATUS.value for name, _ in read_query_pairs(request)):
        return asked
    shown = (Status.VALID.value, Status.DEPRECATED.value)
    return replace(asked, chosen={**asked.chosen, Facet.STATUS: shown})


def _write(
    request: Request,
    words: str,
    hits: Sequence[SearchHit],
    verdicts: Mapping[str, Verdict],
    following: str | None,
) -> bytes:
    site = request.registry[Runtime].settings.site
    urls = Urls(site.url)
    root = make_feed()
    add_element(root, "title", f"{site.title}: {words.strip()}" if words.strip() else f"{site.title}: images")
    add_element(root, "id", _feed_url(request, "/api/v1/search.atom"))
    add_element(root, "updated", max((format_time(hit.row.created) for hit in hits), default=NEVER))
    add_element(add_element(root, "author"), "name", site.title)
    add_link(root, "self", following_url(request), ATOM_TYPE)
    # The home page takes the same parameters.
    add_link(root, "alternate", _feed_url(request, "/"), "text/html")
    add_link(root, "alternate", _feed_url(request, "/api/v1/search"), "application/json")
    if following is not None:
        add_link(root, "next", following, ATOM_TYPE)
    for hit in hits:
        _entry(root, hit, urls, verdicts.get(hit.row.identifier))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _entry(root: etree._Element, hit: SearchHit, urls: Urls, verdict: Verdict | None) -> None:
    row = hit.row
    state = _state(hit, verdict)
    entry = add_element(root, "entry")
    name = row.title or " ".join(filter(None, (row.os, row.os_version, row.os_arch))) or row.identifier
    add_element(entry, "title", f"{_TITLES.get(state, '')}{name[:LIST_CHARACTERS]}")
    add_element(entry, "id", f"{_RESOURCE}{entry_path(row.coordinates)}")
    add_element(entry, "updated", format_time(row.created))
    author = add_element(entry, "author")
    add_element(author, "name", row.email)
    add_element(author, "email", row.email)
    add_link(entry, "alternate", urls.signed(row.coordinates), "text/html")
    add_link(entry, "alternate", urls.entry(row.coordinates), "application/json")
    add_link(entry, "related", urls.image(row.identifier), "application/json")
    etree.SubElement(entry, f"{{{ATOM}}}category", term=state, scheme=urls.states())
    for tag in hit.tags[:LIST_TAGS]:
        etree.SubElement(entry, f"{{{ATOM}}}category", term=_xml(tag[:LIST_CHARACTERS]))
    summary = (row.description or name)[:LIST_CHARACTERS]
    if verdict is not None and state != _ALLOWED:
        summary = f"{verdict.sentence}\n\n{summary}"
    if row.deprecated is not None:
        reason = row.deprecated[:LIST_CHARACTERS] or "no reason is given"
        summary = f"Withdrawn by {row.email}: {reason}\n\n{summary}"
    add_element(entry, "summary", summary)


def _state(hit: SearchHit, verdict: Verdict | None) -> str:
    """The term of the category that tells whether the image may be used."""
    if hit.status is Status.DEPRECATED:
        return _WITHDRAWN
    if verdict is None:
        return Code.UNTRUSTED.value
    if verdict.allowed:
        return _ALLOWED
    return _WITHDRAWN if verdict.status is Status.DEPRECATED else str(verdict.reasons[0].code)


def _feed_url(request: Request, path: str) -> str:
    """The URL that all pages and orders of a search share."""
    kept = sorted(pair for pair in read_query_pairs(request) if pair[0] not in _VIEW)
    return f"{site_url(request)}{quote(path)}{'?' if kept else ''}{urlencode(kept)}"


def make_feed() -> etree._Element:
    """An empty feed."""
    return etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # the stubs know no default namespace


def add_element(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    """Add an element of Atom, with a text."""
    element = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    element.text = None if text is None else _xml(text)
    return element


def add_link(parent: etree._Element, relation: str, url: str, media_type: str) -> None:
    """Add a link."""
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=relation, href=url, type=media_type)


def _xml(text: str) -> str:
    """A text without the few characters that no XML holds: what was typed may have them."""
    return "".join("\ufffd" if c in "\ufffe\uffff" or (c < " " and c not in "\t\n\r") else c for c in text)
