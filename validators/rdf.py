"""Step 6: the signed content is RDF/XML, and all its statements are about its own image."""

from __future__ import annotations

from typing import Final

import pyoxigraph
from lxml import etree

from validators import vocabulary as v
from validators.canonical import canonicalize_document, remove_child
from validators.errors import RdfSubjectError, RdfSyntaxError, SignatureCountError
from validators.parser import parse_document, parse_trusted
from validators.signature_shape import EXCLUSIVE, SIGNATURE

_IMAGE: Final = v.BASE + "#"


def verify_rdf(content: bytes, identifier: str) -> None:
    """Check that the signed content is RDF/XML about its image.

    Args:
        content: the digested bytes.
        identifier: of the image.

    Raises:
        RdfSyntaxError: the content is not RDF/XML.
        RdfSubjectError: a statement is about something other than the image and its parts.
    """
    image = pyoxigraph.NamedNode(_IMAGE + identifier)
    for statement in _parse(content):
        subject = statement.subject
        if subject != image and not isinstance(subject, pyoxigraph.BlankNode):
            raise RdfSubjectError("rdf:Description", str(subject), f"statements about {image} only")


def triples(data: bytes) -> list[pyoxigraph.Triple]:
    """The statements of an entry, with the image as ``http://mp.stratuslab.eu/#IDENTIFIER``.

    Args:
        data: the bytes of an accepted entry; its signature is not verified again.

    Raises:
        RefusedError: the bytes are no entry.
    """
    root = parse_document(data)
    signature = root.find(SIGNATURE)
    if signature is None:
        raise SignatureCountError("ds:Signature", "none of them", "exactly one")
    remove_child(root, signature)
    content = canonicalize_document(root, EXCLUSIVE)
    return [quad.triple for quad in _parse(content)]


def _parse(content: bytes) -> list[pyoxigraph.Quad]:
    try:
        return list(pyoxigraph.parse(_qualified(content), format=pyoxigraph.RdfFormat.RDF_XML))
    except (SyntaxError, ValueError) as error:
        raise RdfSyntaxError("rdf:RDF", str(error), "RDF/XML") from None


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
