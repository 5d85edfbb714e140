"""Step 4, extensions: elements outside the known vocabulary, kept whole and kept harmless.

An extension may say anything about the entry's own image, nested as deep as the
caps allow. It may not contain what would make it speak about another image:
descriptions with a subject of their own, property attributes, or the elements
that carry an entry's identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from validators import vocabulary as v
from validators.document import Attribute, Extension
from validators.errors import (
    ExtensionAttributeError,
    ExtensionElementError,
    ExtensionParseTypeError,
)
from validators.vocabulary import namespace_of, prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element

_ATTRIBUTES: Final = frozenset(
    {v.XML_LANG, v.XML_SPACE, v.XML_ID, v.DATATYPE, v.RDF_RESOURCE, v.PARSE_TYPE, v.BARE_PARSE_TYPE}
)
_PARSE_TYPES: Final = frozenset({"Resource", "Literal"})


def parse_extension(element: _Element) -> Extension:
    """Read an extension element with everything below it.

    Raises:
        ExtensionElementError: it is or holds rdf:RDF, rdf:Description or an slreq element.
        ExtensionAttributeError: an attribute makes a statement or names a subject.
        ExtensionParseTypeError: an rdf:parseType that the format does not have.
    """
    _verify_name(str(element.tag))
    _verify_attributes(element)
    literal = "Literal" in (element.get(v.PARSE_TYPE), element.get(v.BARE_PARSE_TYPE))
    read = _parse_literal if literal else parse_extension
    return _extension(element, tuple(read(child) for child in element if isinstance(child.tag, str)))


def _parse_literal(element: _Element) -> Extension:
    """Read an element inside an XML literal: plain XML that states nothing, so attributes are free."""
    _verify_name(str(element.tag))
    children = tuple(_parse_literal(child) for child in element if isinstance(child.tag, str))
    return _extension(element, children)


def _extension(element: _Element, children: tuple[Extension, ...]) -> Extension:
    attributes = tuple(Attribute(str(name), str(value)) for name, value in element.items())
    # Processing instructions say nothing, but the text behind them does.
    text = (element.text or "") + _text_behind_instructions(element[0] if len(element) else None)
    tail = (element.tail or "") + _text_behind_instructions(element.getnext())
    return Extension(str(element.tag), attributes, text, children, tail)


def _text_behind_instructions(node: _Element | None) -> str:
    text = ""
    while node is not None and not isinstance(node.tag, str):
        text += node.tail or ""
        node = node.getnext()
    return text


def _verify_name(name: str) -> None:
    if name in (v.RDF_ROOT, v.DESCRIPTION) or namespace_of(name) == v.SLREQ:
        expected = "no rdf:RDF, rdf:Description or slreq element among further elements"
        raise ExtensionElementError("rdf:Description", prefixed(name), expected)


def _verify_attributes(element: _Element) -> None:
    for name, value in element.items():
        if name not in _ATTRIBUTES:
            expected = "xml:lang, rdf:datatype, rdf:resource or rdf:parseType"
            raise ExtensionAttributeError(prefixed(str(element.tag)), prefixed(str(name)), expected)
        if name in (v.PARSE_TYPE, v.BARE_PARSE_TYPE) and value not in _PARSE_TYPES:
            raise ExtensionParseTypeError(prefixed(str(element.tag)), str(value), "Resource or Literal")
    if v.PARSE_TYPE in element.attrib and v.BARE_PARSE_TYPE in element.attrib:
        # With one of each, what is a literal here could be statements to step 6.
        raise ExtensionParseTypeError(prefixed(str(element.tag)), "two of them", "one rdf:parseType")
