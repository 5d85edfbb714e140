"""An entry's statements, read by a whole RDF parser.

Acceptance reads RDF/XML by itself (``validators.rdf``), so that clients need no such parser.
"""

from __future__ import annotations

import pyoxigraph
from lxml import etree

from validators import vocabulary as v
from validators.canonical import canonicalize_document, remove_child
from validators.errors import RdfSyntaxError, SignatureCountError
from validators.parser import parse_trusted
from validators.signature_shape import EXCLUSIVE, SIGNATURE


def triples(data: bytes) -> list[pyoxigraph.Triple]:
    """The statements of an entry, with the image as ``http://mp.stratuslab.eu/#IDENTIFIER``.

    Args:
        data: the bytes of an accepted entry: neither what the prescan looks for nor its signature is
            looked at again.

    Raises:
        RefusedError: the bytes are no entry.
    """
    root = parse_trusted(data)
    signature = root.find(SIGNATURE)
    if signature is None:
        raise SignatureCountError("ds:Signature", "none of them", "exactly one")
    remove_child(root, signature)
    return parse_rdf(canonicalize_document(root, EXCLUSIVE))


def parse_rdf(content: bytes) -> list[pyoxigraph.Triple]:
    """The statements of the signed content.

    Args:
        content: a canonical form of an entry without its signature.

    Raises:
        RdfSyntaxError: it is not RDF/XML.
    """
    try:
        found = list(pyoxigraph.parse(_qualified(content), format=pyoxigraph.RdfFormat.RDF_XML))
    except (SyntaxError, ValueError) as error:
        raise RdfSyntaxError("rdf:RDF", str(error), "RDF/XML") from None
    return [quad.triple for quad in found]


def _qualified(content: bytes) -> bytes:
    """The content with every bare ``parseType`` qualified, as the RDF parser insists on.

    Attributes inside an XML literal are its own affair and stay.
    """
    if b" parseType=" not in content:
        return content
    copy = parse_trusted(content)
    stack = [copy]
    while stack:
        element = stack.pop()
        if v.BARE_PARSE_TYPE in element.attrib:
            element.set(v.PARSE_TYPE, element.attrib.pop(v.BARE_PARSE_TYPE))
        if element.get(v.PARSE_TYPE) != "Literal":
            stack.extend(element.iterchildren(etree.Element))
    return etree.tostring(copy, encoding="utf-8")
