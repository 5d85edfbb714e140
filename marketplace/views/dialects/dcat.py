"""``dcat.jsonld``, ``dcat.ttl`` and ``dcat.rdf``: the view as a catalogue of data sets, for data portals.

One graph in three spellings: DCAT 3 for the catalogue, SPDX for checksums, PROV for who vouches. Every node
has an address of its own, so that the same view is the same bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import tee, zip_longest
from typing import Final, NamedTuple
from urllib.parse import quote

from pyoxigraph import NamedNode

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import plain, quoted
from marketplace.views.value import View, ViewImage
from validators.document import format_time

_PREFIXES: Final = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
#: What the address of a checksum ends with; behind the dash as SPDX names the algorithm.
_ALGORITHMS: Final = {
    "MD5": "-md5",
    "SHA-1": "-sha1",
    "SHA-256": "-sha256",
    "SHA-384": "-sha384",
    "SHA-512": "-sha512",
}
_LICENCE: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{1,500}")


_SPECIAL: Final = re.compile('[&<>"\r]')

#: What a value is: an address, a name with a prefix, a text. Of any other value this is its type.
_IRI, _NAME, _TEXT = "<>", ":", ""


#: One thing that is said of a node: a property, its value, and what that is. There are very many.
_Property = tuple[str, str, str]


class _Node(NamedTuple):
    """A thing with what is said of it, in the order in which it is written."""

    iri: str
    kind: str
    properties: Sequence[_Property]


def documents(view: View) -> Iterable[Document]:
    """The graph of the catalogue, in three formats."""
    return (
        Document("dcat.rdf", "application/rdf+xml"),
        Document("dcat.ttl", "text/turtle"),
        Document("dcat.jsonld", "application/ld+json"),
    )


def find_lack(image: ViewImage) -> str | None:
    """Every image can be a data set, also one without a location."""
    return None


def write(view: View, path: str) -> bytes:
    """The graph in the spelling of the path.

    The spellings are written here, a node after the other, because libraries take five times as long.
    """
    return "".join(_SPELLINGS[path](_graph(view))).encode()


def write_all(view: View) -> Mapping[str, bytes]:
    """The graph in all spellings, from one walk through it."""
    walks = tee(_graph(view), len(_SPELLINGS))
    files = [BytesIO() for _ in _SPELLINGS]
    writers = [file.write for file in files]
    # Side by side, so that no walk is far behind another one.
    spelled = (spell(walk) for spell, walk in zip(_SPELLINGS.values(), walks, strict=True))
    for pieces in zip_longest(*spelled, fillvalue=""):
        for add, piece in zip(writers, pieces, strict=True):
            add(piece.encode())
    return {path: file.getvalue() for path, file in zip(_SPELLINGS, files, strict=True)}


def _turtle(nodes: Iterable[_Node]) -> Iterator[str]:
    for prefix, whole in _PREFIXES.items():
        yield f"@prefix {prefix}: <{whole}> .\n"
    for iri, kind, said in nodes:
        lines = "".join(f" ;\n\t{name} {_turtle_value(text, type_)}" for name, text, type_ in said)
        yield f"<{iri}> a {kind}{lines} .\n"


def _turtle_value(text: str, kind: str) -> str:
    if kind == _IRI:
        return f"<{text}>"
    if kind == _NAME:
        return text
    spelled = quoted(text)  # Turtle knows every escape of JSON
    return f"{spelled}^^{kind}" if kind else spelled


def _rdf_xml(nodes: Iterable[_Node]) -> Iterator[str]:
    names = "".join(f' xmlns:{prefix}="{whole}"' for prefix, whole in _PREFIXES.items())
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF{names}>\n'
    for iri, kind, said in nodes:
        lines = "".join(f"\t<{name}{_xml_value(name, text, type_)}>\n" for name, text, type_ in said)
        yield f'<{kind} rdf:about="{_xml(iri)}">\n{lines}</{kind}>\n'
    yield "</rdf:RDF>\n"


def _xml_value(name: str, text: str, kind: str) -> str:
    if kind == _IRI:
        return f' rdf:resource="{_xml(text)}"/'
    if kind == _NAME:
        return f' rdf:resource="{_whole(text)}"/'
    typed = f' rdf:datatype="{_whole(kind)}"' if kind else ""
    return f"{typed}>{_xml(text)}</{name}"


def _xml(text: str) -> str:
    """A text for XML, where a carriage return would else be read as the end of a line."""
    if _SPECIAL.search(text) is None:
        return text
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;").replace("\r", "&#13;")


def _json(nodes: Iterable[_Node]) -> Iterator[str]:
    yield f'{{"@context": {plain(_PREFIXES)},\n"@graph": [\n'
    between = ""
    for iri, kind, said in nodes:
        told = defaultdict[str, list[str]](list)
        for name, text, type_ in said:
            told[name].append(_json_value(text, type_))
        lines = "".join(
            f',"{name}":{values[0] if len(values) == 1 else _several(values)}'
            for name, values in told.items()
        )
        yield f'{between}{{"@id":{quoted(iri)},"@type":"{kind}"{lines}}}'
        between = ",\n"
    yield "\n]}\n"


def _several(values: Iterable[str]) -> str:
    return f"[{','.join(values)}]"


def _json_value(text: str, kind: str) -> str:
    spelled = quoted(text)
    if kind in (_IRI, _NAME):
        return f'{{"@id":{spelled}}}'
    return f'{{"@value":{spelled},"@type":"{kind}"}}' if kind else spelled


@cache
def _whole(name: str) -> str:
    """The address that a name with a prefix stands for."""
    prefix, _, rest = name.partition(":")
    return f"{_PREFIXES[prefix]}{rest}"


_SPELLINGS: Final[Mapping[str, Callable[[Iterable[_Node]], Iterator[str]]]] = {
    "dcat.rdf": _rdf_xml,
    "dcat.ttl": _turtle,
    "dcat.jsonld": _json,
}


def _graph(view: View) -> Iterator[_Node]:
    datasets = [(f"{view.site}/images/{one.identifier}", one) for one in view.images]
    yield _Node(
        view.base,
        "dcat:Catalog",
        [
            ("dct:title", view.title, _TEXT),
            *([("dct:description", view.description, _TEXT)] if view.description else ()),
            ("dct:modified", format_time(view.updated), "xsd:dateTime"),
            ("dct:publisher", view.site, _IRI),
            *(("dcat:dataset", iri, _IRI) for iri, _ in datasets),
        ],
    )
    yield _Node(view.site, "foaf:Agent", [("foaf:name", view.site_title, _TEXT)])
    for email in sorted({one.email for one in view.images}):
        mailbox = ("foaf:mbox", f"mailto:{quote(email, safe='@+')}", _IRI)
        yield _Node(_endorser(view, email), "foaf:Agent", [("foaf:name", email, _TEXT), mailbox])
    for iri, image in datasets:
        yield from _dataset(view, iri, image)


def _endorser(view: View, email: str) -> str:
    return f"{view.site}/endorsers/{quote(email, safe='@+')}"


def _dataset(view: View, iri: str, image: ViewImage) -> Iterator[_Node]:
    said, entry = image.metadata, view.entry_url(image)
    # An address that the web takes may be none that RDF takes.
    taken = [one for one in image.locations if _is_iri(one)]
    files = [(f"{iri}#location-{number}", one) for number, one in enumerate(taken, 1)]
    texts = (
        ("dct:title", image.title),
        ("dct:description", said.description),
        ("dct:identifier", image.identifier),
        ("dcat:version", said.version),
    )
    yield _Node(
        iri,
        "dcat:Dataset",
        [
            *[(name, text, _TEXT) for name, text in texts if text],
            ("dct:issued", format_time(image.created), "xsd:dateTime"),
            *[("dcat:keyword", one, _TEXT) for one in dict.fromkeys(_keywords(image))],
            ("prov:wasAttributedTo", _endorser(view, image.email), _IRI),
            ("dct:isReferencedBy", entry, _IRI),
            *[("dcat:distribution", one, _IRI) for one, _ in files],
        ],
    )
    # The signed entry, which proves all of this.
    yield _Node(entry, "prov:Entity", [("dct:identifier", image.entry_id, _TEXT)])
    for own, location in files:
        # A copy has nobody who redirects.
        access = location if view.copied else view.image_url(image)
        yield from _distribution(own, access, location, image)


def _keywords(image: ViewImage) -> Iterator[str]:
    said = image.metadata
    for one in (*said.tags, said.os, said.os_version, said.os_arch):
        if one and one.strip():
            yield one.strip()


def _distribution(own: str, access: str, location: str, image: ViewImage) -> Iterator[_Node]:
    said, sums = image.metadata, image.checksums
    if image.is_packed:
        # What is known is of the image, and not of the file that is there.
        known, sums = ("dcat:compressFormat", "compressed", _TEXT), {}
    else:
        known = ("dcat:byteSize", str(said.size), "xsd:nonNegativeInteger")
    yield _Node(
        own,
        "dcat:Distribution",
        [
            ("dcat:accessURL", access, _IRI),
            ("dcat:downloadURL", location, _IRI),
            *([("dct:format", said.format, _TEXT)] if said.format else ()),
            known,
            *map(_licence, image.licences),
            *[("spdx:checksum", own + _ALGORITHMS[one], _IRI) for one in sums],
        ],
    )
    for algorithm, value in sums.items():
        short = _ALGORITHMS[algorithm]
        yield _Node(
            own + short,
            "spdx:Checksum",
            [
                ("spdx:algorithm", f"spdx:checksumAlgorithm_{short[1:]}", _NAME),
                ("spdx:checksumValue", value, "xsd:hexBinary"),
            ],
        )


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True


def _licence(text: str) -> _Property:
    named = _LICENCE.fullmatch(text) and _is_iri(text)
    return ("dct:license", text, _IRI) if named else ("dct:rights", text, _TEXT)


DCAT = Dialect("dcat", documents, write, find_lack, write_all=write_all)
