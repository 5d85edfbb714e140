"""Which form of a resource a client gets: ``?media=`` first, then Accept with its q-values.

Clients of the original service send no Accept header or ``*/*`` and parse XML,
so XML is the first offer everywhere; browsers name text/html and get pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from pyramid.request import Request
from webob.acceptparse import create_accept_header

from .errors import BadRequestError, NotAcceptableError


class Media(StrEnum):
    """The forms a resource can take."""

    XML = "xml"
    JSON = "json"
    HTML = "html"
    CSV = "csv"
    TSV = "tsv"


# Each offer is a constant: it is known by itself, which spares each request the hash of its fields.
@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A content type that can be asked for, and the form it belongs to.

    Args:
        written: the content type of the answer, where it is another one.
    """

    content_type: str
    media: Media
    written: str = ""

    @property
    def answered(self) -> str:
        """The content type of the answer."""
        return self.written or self.content_type


_HTML = (Offer("text/html", Media.HTML), Offer("application/xhtml+xml", Media.HTML))

#: A list of signed entries: XML, the table protocol as JSON, a page.
LIST = (
    Offer("application/xml", Media.XML),
    Offer("text/xml", Media.XML),
    Offer("application/rdf+xml", Media.XML),
    Offer("application/json", Media.JSON),
    *_HTML,
)
#: One signed entry: the received bytes, RDF/JSON, a page.
ENTRY = (
    Offer("application/rdf+xml", Media.XML),
    Offer("application/xml", Media.XML),
    Offer("text/xml", Media.XML),
    Offer("application/json", Media.JSON),
    Offer("application/rdf+json", Media.JSON),
    *_HTML,
)
#: An answer of yes or no in the SPARQL results formats.
BOOLEAN = (
    Offer("application/xml", Media.XML),
    Offer("application/sparql-results+xml", Media.XML),
    Offer("text/xml", Media.XML),
    # Asked for by old clients, and no RDF: it is written as what it is.
    Offer("application/rdf+xml", Media.XML, "application/sparql-results+xml"),
    Offer("application/json", Media.JSON),
    Offer("application/sparql-results+json", Media.JSON),
    *_HTML,
)
#: A table of variables and rows in them.
RESULTS = (
    *BOOLEAN,
    Offer("text/csv", Media.CSV),
    Offer("text/tab-separated-values", Media.TSV),
)

#: How errors are told with their codes (RFC 9457).
PROBLEM_TYPE = "application/problem+json"

_MEDIA_VALUES = {
    "xml": Media.XML,
    "rdf": Media.XML,
    "json": Media.JSON,
    "html": Media.HTML,
    "csv": Media.CSV,
    "tsv": Media.TSV,
}

#: Longer Accept headers are read each time: remembering them would let clients fill the memory.
_REMEMBERED_LENGTH = 200


def choose(request: Request, media: str | None, offers: tuple[Offer, ...]) -> Offer:
    """The offer this client wants most.

    Args:
        media: the ``media`` parameter of the query, if any; it overrides Accept.
        offers: in the server's order of preference, which settles ties.

    Raises:
        BadRequestError: media is no form we know.
        NotAcceptableError: Accept excludes every offer.
    """
    if media is not None:
        return _by_media(media, offers)
    accept = request.environ.get("HTTP_ACCEPT", "")
    found = by_accept(accept, offers)
    if found is None and PROBLEM_TYPE in accept:
        # Only says how it wants to hear of errors.
        return offers[0]
    if found is None:
        raise NotAcceptableError(sorted({offer.content_type for offer in offers}))
    return found


def by_accept(accept: str, offers: tuple[Offer, ...]) -> Offer | None:
    """The offer an Accept header prefers; the first one where there is no such header, or no sense in it."""
    if len(accept) > _REMEMBERED_LENGTH:
        return _read_accept(accept, offers)
    return _remembered(accept, offers)


def _by_media(media: str, offers: tuple[Offer, ...]) -> Offer:
    wanted = _MEDIA_VALUES.get(media)
    for offer in offers:
        if offer.media is wanted:
            return offer
    words = ", ".join(
        word for word, form in _MEDIA_VALUES.items() if any(one.media is form for one in offers)
    )
    raise BadRequestError("query.media", f"media is {media!r}, not one of {words}")


def _read_accept(accept: str, offers: tuple[Offer, ...]) -> Offer | None:
    header = create_accept_header(accept or None)
    ranked = header.acceptable_offers([offer.content_type for offer in offers])
    if not ranked:
        return None
    best = ranked[0][0]
    return next(offer for offer in offers if offer.content_type == best)


_remembered = lru_cache(maxsize=512)(_read_accept)
