"""``dcat.jsonld``, ``dcat.ttl`` and ``dcat.rdf``: the view as a catalogue of data sets, for data portals.

One graph in three spellings: DCAT 3 for the catalogue, SPDX for checksums, PROV for who vouches. Every node
has an address of its own, so that the same view is the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, serialize

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.value import View, ViewImage
from validators.document import format_time

_PREFIXES: Final[Mapping[str, str]] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_FORMATS: Final = {"dcat.ttl": RdfFormat.TURTLE, "dcat.rdf": RdfFormat.RDF_XML}
_ALGORITHMS: Final = {
    "MD5": "checksumAlgorithm_md5",
    "SHA-1": "checksumAlgorithm_sha1",
    "SHA-256": "checksumAlgorithm_sha256",
    "SHA-384": "checksumAlgorithm_sha384",
    "SHA-512": "checksumAlgorithm_sha512",
}
_LICENCE: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{1,500}")


@dataclass(frozen=True, slots=True)
class _Iri:
    """An address: whole, or with one of the prefixes."""

    text: str


@dataclass(frozen=True, slots=True)
class _Text:
    """A value; ``kind`` is its type with a prefix, empty for a plain text."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class _Node:
    """A thing with what is said of it, in the order in which it is written."""

    iri: str
    kinds: Sequence[str]
    said: Sequence[tuple[str, _Iri | _Text]]


def documents(view: View) -> Iterable[Document]:
    """The same graph three times."""
    return (
        Document("dcat.rdf", "application/rdf+xml"),
        Document("dcat.ttl", "text/turtle"),
        Document("dcat.jsonld", "application/ld+json"),
    )


def find_lack(image: ViewImage) -> str | None:
    """Every image can be a data set, also one without a location."""
    return None


def write(view: View, path: str) -> bytes:
    """The graph in the spelling of the path."""
    if path == "dcat.jsonld":
        # A node a line: the library's indentation takes five times as long.
        nodes = ",\n".join(json.dumps(_object(one), ensure_ascii=False) for one in _graph(view))
        return f'{{"@context": {json.dumps(dict(_PREFIXES))},\n"@graph": [\n{nodes}\n]}}\n'.encode()
    known: dict[str, NamedNode] = {}
    triples = (triple for one in _graph(view) for triple in _triples(one, known))
    return serialize(triples, format=_FORMATS[path], prefixes=dict(_PREFIXES)) or b""


def _graph(view: View) -> Iterator[_Node]:
    datasets = [(f"{view.site}/images/{one.identifier}", one) for one in view.images]
    yield _Node(
        view.base,
        ("dcat:Catalog",),
        (
            ("dct:title", _Text(view.title)),
            *((("dct:description", _Text(view.description)),) if view.description else ()),
            ("dct:modified", _Text(format_time(view.updated), "xsd:dateTime")),
            ("dct:publisher", _Iri(view.site)),
            *(("dcat:dataset", _Iri(iri)) for iri, _ in datasets),
        ),
    )
    yield _Node(view.site, ("foaf:Agent",), (("foaf:name", _Text(view.site_title)),))
    for email in sorted({one.email for one in view.images}):
        mailbox = ("foaf:mbox", _Iri(f"mailto:{quote(email, safe='@+')}"))
        yield _Node(_endorser(view, email), ("foaf:Agent",), (("foaf:name", _Text(email)), mailbox))
    for iri, image in datasets:
        yield from _dataset(view, iri, image)


def _endorser(view: View, email: str) -> str:
    return f"{view.site}/endorsers/{quote(email, safe='@+')}"


def _dataset(view: View, iri: str, image: ViewImage) -> Iterator[_Node]:
    said, entry = image.said, view.entry_url(image)
    # An address that the web takes may be none that RDF takes.
    taken = [one for one in image.locations if _is_iri(one)]
    files = [(f"{iri}#location-{number}", one) for number, one in enumerate(taken, 1)]
    texts = {
        "dct:title": image.title,
        "dct:description": said.description,
        "dct:identifier": image.identifier,
        "dcat:version": said.version,
    }
    yield _Node(
        iri,
        ("dcat:Dataset",),
        (
            *((name, _Text(text)) for name, text in texts.items() if text),
            ("dct:issued", _Text(format_time(image.created), "xsd:dateTime")),
            *(("dcat:keyword", _Text(one)) for one in dict.fromkeys(_keywords(image))),
            ("prov:wasAttributedTo", _Iri(_endorser(view, image.email))),
            ("dct:isReferencedBy", _Iri(entry)),
            *(("dcat:distribution", _Iri(one)) for one, _ in files),
        ),
    )
    # The signed entry, which proves all of this.
    yield _Node(entry, ("prov:Entity",), (("dct:identifier", _Text(image.entry_id)),))
    for own, location in files:
        yield from _distribution(view, own, location, image)


def _keywords(image: ViewImage) -> Iterator[str]:
    said = image.said
    yield from (
        one.strip() for one in (*said.tags, said.os, said.os_version, said.os_arch) if one and one.strip()
    )


def _distribution(view: View, own: str, location: str, image: ViewImage) -> Iterator[_Node]:
    said, sums = image.said, image.checksums
    if image.is_packed:
        # What is known is of the image, and not of the file that is there.
        known: list[tuple[str, _Iri | _Text]] = [("dcat:compressFormat", _Text("compressed"))]
        sums = {}
    else:
        known = [("dcat:byteSize", _Text(str(said.size), "xsd:nonNegativeInteger"))]
    yield _Node(
        own,
        ("dcat:Distribution",),
        (
            ("dcat:accessURL", _Iri(view.image_url(image))),
            ("dcat:downloadURL", _Iri(location)),
            *((("dct:format", _Text(said.format)),) if said.format else ()),
            *known,
            *(_licence(one) for one in image.licences),
            *(("spdx:checksum", _Iri(_sum(own, one))) for one in sums),
        ),
    )
    for algorithm, value in sums.items():
        told = (
            ("spdx:algorithm", _Iri(f"spdx:{_ALGORITHMS[algorithm]}")),
            ("spdx:checksumValue", _Text(value, "xsd:hexBinary")),
        )
        yield _Node(_sum(own, algorithm), ("spdx:Checksum",), told)


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True


def _sum(own: str, algorithm: str) -> str:
    return f"{own}-{algorithm.lower().replace('-', '')}"


def _licence(text: str) -> tuple[str, _Iri | _Text]:
    named = _LICENCE.fullmatch(text) and _is_iri(text)
    return ("dct:license", _Iri(text)) if named else ("dct:rights", _Text(text))


def _object(node: _Node) -> dict[str, Any]:
    """A node as JSON-LD; several values of one property are a list."""
    told: dict[str, Any] = {"@id": node.iri, "@type": list(node.kinds)}
    for name, value in node.said:
        told.setdefault(name, []).append(_value(value))
    return {name: one[0] if isinstance(one, list) and len(one) == 1 else one for name, one in told.items()}


def _value(value: _Iri | _Text) -> Any:
    if isinstance(value, _Iri):
        return {"@id": value.text}
    return {"@value": value.text, "@type": value.kind} if value.kind else value.text


def _triples(node: _Node, known: dict[str, NamedNode]) -> Iterator[Triple]:
    subject = _named(node.iri, known)
    for kind in node.kinds:
        yield Triple(subject, _named("rdf:type", known), _named(kind, known))
    for name, value in node.said:
        if isinstance(value, _Iri):
            yield Triple(subject, _named(name, known), _named(value.text, known))
        else:
            datatype = _named(value.kind, known) if value.kind else None
            yield Triple(subject, _named(name, known), Literal(value.text, datatype=datatype))


def _named(text: str, known: dict[str, NamedNode]) -> NamedNode:
    found = known.get(text)
    if found is None:
        prefix, colon, rest = text.partition(":")
        whole = f"{_PREFIXES[prefix]}{rest}" if colon and prefix in _PREFIXES else text
        found = known[text] = NamedNode(whole)
    return found


DCAT = Dialect("dcat", documents, write, find_lack)
