"""Step 6: the signed content is RDF/XML (docs/adr/0056-our-own-check-of-the-rdf-that-is-left.md).

Step 4 leaves little of RDF/XML: one description, known elements of one shape, and extensions without
attributes that make statements. So every statement is about the image or a part of it, and extensions and
language tags are left to look at. A server reads the statements themselves with a whole parser
(``marketplace.sparql.triples``); the tests hold the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lxml import etree

from validators import vocabulary as v
from validators.errors import RdfSyntaxError
from validators.iris import is_iri, is_language, is_reference
from validators.vocabulary import namespace_of, prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element

_KNOWN: Final = v.OPTIONAL | v.REQUIRED
_WHITE_SPACE: Final = " \t\r\n"
#: What RDF/XML itself calls so, and what it called so once: no property and no class.
_RESERVED: Final = frozenset(
    v.rdf(name)
    for name in (
        "RDF", "ID", "about", "aboutEach", "aboutEachPrefix", "bagID", "datatype", "nodeID", "parseType",
        "resource",
    )
)  # fmt: skip
_NO_PROPERTY: Final = _RESERVED | {v.DESCRIPTION}
_NO_CLASS: Final = _RESERVED | {v.rdf("li")}
_PARSE_TYPES: Final = frozenset({v.PARSE_TYPE, v.BARE_PARSE_TYPE})
_REFERENCES: Final = frozenset({v.RDF_RESOURCE, v.DATATYPE})
#: A canonical form writes attributes in one way only; in a text these words cost a closer look.
_LOOKED_AT: Final = re.compile(rb" xml(?:ns:xml|:lang=)")
#: Says nothing in RDF, or is looked at by itself.
_IGNORED: Final = frozenset({v.XML_LANG, v.XML_SPACE, v.XML_ID})


def verify_rdf(content: bytes, root: _Element, *, extended: bool) -> None:
    """Check that the signed content is RDF/XML.

    Args:
        content: the digested bytes, or another canonical form of the same document.
        root: parsed from ``content``; step 4 took it.
        extended: whether step 4 found extensions.

    Raises:
        RdfSyntaxError: the content is not RDF/XML.
    """
    if _LOOKED_AT.search(content) is not None:
        for element in _outside_literals(root):
            _verify_language(element)
            _verify_prefixes(element)
    if extended:
        for element in root.iterfind(f"{v.DESCRIPTION}/*"):
            if element.tag not in _KNOWN:
                _verify_property(element)


def _outside_literals(root: _Element) -> Iterator[_Element]:
    stack = [root]
    while stack:
        element = stack.pop()
        yield element
        if "Literal" not in (element.get(v.PARSE_TYPE), element.get(v.BARE_PARSE_TYPE)):
            stack.extend(element.iterchildren(etree.Element))


def _verify_language(element: _Element) -> None:
    language = element.get(v.XML_LANG)
    if language is not None and not is_language(language):
        raise RdfSyntaxError(
            f"{prefixed(element.tag)}/@xml:lang", language, "a language tag like en or de-CH"
        )


def _verify_prefixes(element: _Element) -> None:
    """Refuse prefixes that XML keeps for itself: RDF/XML leaves out the attributes that have one."""
    for prefix in element.nsmap:
        if prefix is not None and prefix.startswith("xml"):
            raise RdfSyntaxError(
                prefixed(element.tag), f"xmlns:{prefix}", "no namespace prefix that begins with xml"
            )


def _verify_property(element: _Element) -> None:
    """Check an element that says something of the resource around it."""
    _verify_name(element, _NO_PROPERTY, "the name of a property")
    parse_type = _verify_attributes(element)
    if parse_type == "Literal":
        if not len(element.findall("*")) and not "".join(_texts(element)):
            raise RdfSyntaxError(prefixed(element.tag), "nothing", "text or XML in a literal")
    elif parse_type == "Resource":
        _verify_properties(element)
    else:
        _verify_value(element)


def _verify_value(element: _Element) -> None:
    """Check that a property has one value: a reference, a text or a node."""
    nodes = element.findall("*")
    texts = [text for text in _texts(element) if text.strip(_WHITE_SPACE)]
    values = len(nodes) + len(texts) + (v.RDF_RESOURCE in element.attrib)
    if values > 1:
        raise RdfSyntaxError(prefixed(element.tag), f"{values} values", "one reference, text or element")
    for node in nodes:
        _verify_name(node, _NO_CLASS, "the name of a class")
        if _verify_attributes(node) is not None:
            # Step 4 takes what is in it for a literal, an RDF parser for statements.
            raise RdfSyntaxError(prefixed(node.tag), "rdf:parseType", "rdf:parseType of properties only")
        _verify_properties(node)


def _verify_properties(parent: _Element) -> None:
    for text in _texts(parent):
        if text.strip(_WHITE_SPACE):
            raise RdfSyntaxError(prefixed(parent.tag), text, "elements only")
    for element in parent.iterchildren(etree.Element):
        _verify_property(element)


def _verify_name(element: _Element, reserved: frozenset[str], expected: str) -> None:
    name = element.tag
    namespace = namespace_of(name)
    if not namespace or name in reserved or not is_iri(namespace + name[len(namespace) + 2 :]):
        raise RdfSyntaxError("rdf:Description", prefixed(name), f"{expected}, an IRI")


def _verify_attributes(element: _Element) -> str | None:
    """Check all attributes; returns what parseType says, with its prefix or without."""
    parse_type = None
    for name, value in element.items():
        if name in _PARSE_TYPES:
            parse_type = str(value)
        elif name in _REFERENCES:
            if not is_reference(str(value)):
                raise RdfSyntaxError(f"{prefixed(element.tag)}/@{prefixed(str(name))}", str(value), "an IRI")
        elif name not in _IGNORED:
            raise RdfSyntaxError(
                prefixed(element.tag), prefixed(str(name)), "no attribute that states something"
            )
    return parse_type


def _texts(element: _Element) -> Iterator[str]:
    """The pieces of text in an element, as elements and processing instructions part them."""
    yield element.text or ""
    for child in element:
        yield child.tail or ""
