"""An entry as statements about the resource that its coordinates name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

from validators.document import Coordinates

_BASE = "http://mp.stratuslab.eu/"
TAG = NamedNode("http://mp.stratuslab.eu/slterms#tag")
_LATEST = Literal("latest")


def resource(coordinates: Coordinates) -> NamedNode:
    """``http://mp.stratuslab.eu/#ID/EMAIL/CREATED``.

    A percent sign, which an e-mail may hold, is escaped: bare it would start an
    escape or make the IRI invalid.
    """
    return NamedNode(f"{_BASE}#{coordinates.path().replace('%', '%25')}")


def latest(subject: NamedNode) -> Quad:
    """The statement that an entry is current."""
    return Quad(subject, TAG, _LATEST)


def statements(subject: NamedNode, entry_id: str, triples: Iterable[Triple]) -> Iterator[Quad]:
    """An entry's triples, said about ``subject`` and fit to stand among those of all others.

    Blank nodes get labels made of the entry's id, so they never meet those of
    another entry and are the same whenever the entry is read again. Tags of the
    document's own are left out: only the marketplace says what is current.

    Args:
        triples: of one document, whose only named subject is the image.
    """
    labels: dict[BlankNode, BlankNode] = {}

    def renamed(node: BlankNode) -> BlankNode:
        if node not in labels:
            digest = hashlib.sha256(f"{entry_id} {len(labels)}".encode()).hexdigest()
            # A letter first, and 32 characters in all: the store keeps such labels as 16 bytes.
            labels[node] = BlankNode("e" + digest[:31])
        return labels[node]

    for triple in triples:
        about, value = triple.subject, triple.object
        if triple.predicate != TAG:
            yield Quad(
                renamed(about) if isinstance(about, BlankNode) else subject,
                triple.predicate,
                renamed(value) if isinstance(value, BlankNode) else value,
            )
