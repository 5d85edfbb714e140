"""Requests of the privacy matrix, and what a route promises to a reader without the grant."""

from __future__ import annotations

from dataclasses import dataclass

RDF = "application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``{names}`` in it are those of ``privacy_sites.names``.

    Args:
        document: name of the document that is sent.
        body: what is sent else.
        instead: where the two sites differ in everything (keys, roots, times of their own), the path of
            something that is truly absent at the same site, which must answer the same.
    """

    path: str
    method: str = "GET"
    document: str = ""
    body: str = ""
    kind: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A route's promise, and the requests that it is held against."""

    promise: str
    asks: tuple[Ask, ...]


def gets(*paths: str) -> tuple[Ask, ...]:
    """Plain requests."""
    return tuple(Ask(path) for path in paths)


def posts(path: str, *documents: str, query: str = "") -> tuple[Ask, ...]:
    """Uploads of documents."""
    return tuple(Ask(path + query, "POST", document=one, kind=RDF) for one in documents)


def absent(path: str, instead: str) -> tuple[Ask, ...]:
    """A path against another one at the same site."""
    return (Ask(path, instead=instead),)


RECORD = "/views/default/oai-pmh?verb=GetRecord"
SAME = "the same page for everybody"
NONE = "404, as for an entry that was never made"
SEARCHES = (
    "",
    "?status=all",
    "?q=quasar",
    "?q=quasr",
    "?q=nebula",
    "?q=debian&status=all",
    "?os=secretos",
    "?tag=quasar",
    "?endorser=sybil@secret.example&status=all",
    "?location=pdisk",
    "?status=expired",
    "?status=deprecated",
    "?sort=oldest&limit=2&status=all",
    "?sort=title",
    "?checksum={image_checksum}&status=all",
    "?checksum={image_identifier}&status=all",
    "?q={image_checksum}&status=all",
    "?scope=mine",
    "?scope=public",
    "?scope=group:{group}",
)
LISTS = (
    "",
    "?status=all",
    "?status=deprecated",
    "?status=expired",
    "?location=pdisk&status=all",
    "?limit=2",
    "?sSearch=quasar",
    "?sSearch=debian&status=all&iSortCol_0=1",
    "?iSortCol_0=5&iDisplayLength=2&status=all",
    "?email=sybil@secret.example",
    "?identifier={image_identifier}",
    "?checksum={image_checksum}&status=all",
    "?scope=mine",
    "?scope=group:{group}",
)
QUERIES = (
    "SELECT%20?s%20WHERE%20%7B?s%20?p%20?o%7D%20ORDER%20BY%20?s",
    "SELECT%20?o%20WHERE%20%7B?s%20<http://purl.org/dc/terms/title>%20?o%7D%20ORDER%20BY%20?o",
    "SELECT%20(COUNT(*)%20AS%20?n)%20WHERE%20%7B?s%20?p%20?o%7D",
)
EVENTS = (
    "?endorser=sybil@secret.example",
    "?tag=quasar",
    "?identifier={image_identifier}",
    "?scope=group:{group}",
    "?kind=entry.erased",
)
ABSENT_LOG = "/fed/v1/logs/nothing"
