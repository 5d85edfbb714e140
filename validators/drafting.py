"""Drafts: a document that says what its author wants, without endorsement and signature yet.

A draft is the unsigned document itself, so every editor and every rule works on it.
``signing.sign`` makes an entry of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lxml import etree

from validators import vocabulary as v
from validators.document import Metadata
from validators.editing import remove_element, set_leaf
from validators.endorsing import strip_signatures
from validators.lint.properties import IMAGE_PROPERTIES, PREFIX
from validators.lxd import FINGERPRINT, IMAGE_FORMAT
from validators.lxd import PREFIX as LXD_PREFIX
from validators.parser import parse_document
from validators.signing_errors import DraftError

if TYPE_CHECKING:
    from lxml.etree import _Element

#: What names are written with, where a draft has no prefix of its own for them.
PREFIXES: Final = {
    "dcterms": v.DCTERMS,
    "slterms": v.SLTERMS,
    PREFIX: IMAGE_PROPERTIES,
    LXD_PREFIX: IMAGE_FORMAT,
}
#: What a statement does not hand on to the next one, and what it hands on about the same image only.
_OF_ONE_STATEMENT: Final = (v.ENDORSEMENT, v.DEPRECATED)
_OF_ONE_IMAGE: Final = (v.CREATED, v.LOCATION, v.dcterms("replaces"), v.dcterms("isReplacedBy"), FINGERPRINT)
_ROOT_PREFIXES: Final = {"rdf": v.RDF, "dcterms": v.DCTERMS, "slreq": v.SLREQ, "slterms": v.SLTERMS}


@dataclass(frozen=True, slots=True)
class ImageContent:
    """Which image a draft is about.

    Args:
        size: bytes, uncompressed.
        checksums: algorithm as the format writes it -> hexadecimal digits.
    """

    identifier: str
    size: int
    checksums: Mapping[str, str]


#: Clark name -> the values it is to have; none takes it out.
Terms = Mapping[str, Sequence[str]]


def new_draft(content: ImageContent, kind: str, terms: Terms) -> bytes:
    """Write a draft.

    Args:
        kind: the text of dcterms:type.
        terms: what else it says.

    Raises:
        DraftError: a value has characters that XML cannot hold.
    """
    root = etree.Element(v.RDF_ROOT, {v.XML_BASE: v.BASE}, nsmap=_ROOT_PREFIXES)
    description = etree.SubElement(root, v.DESCRIPTION)
    _set_content(description, content)
    _set_terms(description, {v.TYPE: [kind], **terms})
    etree.indent(root)
    return _written(root)


def next_draft(document: bytes, content: ImageContent, terms: Terms) -> bytes:
    """Write a draft that says of an image what an earlier document says of the same or another one.

    Args:
        document: a signed entry or a draft. Endorsement and deprecation stay behind, and where the
            image is another one, what is true of one image only: its locations, what it replaces, its
            fingerprint for LXD.
        terms: what is to be said otherwise.

    Raises:
        DraftError: the document is no metadata, or a value has characters that XML cannot hold.
        RefusedError: the document cannot be read safely.
    """
    root = parse_document(document)
    description = strip_signatures(root)
    same = description.get(v.ABOUT) == f"#{content.identifier}"
    for name in _OF_ONE_STATEMENT if same else (*_OF_ONE_STATEMENT, *_OF_ONE_IMAGE):
        for element in description.findall(name):
            _take_out(description, element)
    _set_content(description, content)
    _set_terms(description, terms)
    return _written(root)


def content_of(metadata: Metadata) -> Hashable:
    """What an entry says of its image, so that two that say the same are equal: order does not count."""
    checksums = ((one.algorithm, one.value.lower().lstrip("0")) for one in metadata.checksums)
    return (
        metadata.size,
        metadata.type,
        frozenset(checksums),
        frozenset(Counter((term.name, term.text, term.lang) for term in metadata.terms).items()),
        frozenset(Counter(replace(one, tail="") for one in metadata.extensions).items()),
    )


def _set_content(description: _Element, content: ImageContent) -> None:
    description.set(v.ABOUT, f"#{content.identifier}")
    set_leaf(description, v.IDENTIFIER, "dcterms", content.identifier)
    set_leaf(description, v.BYTES, "slreq", str(content.size))
    old = description.findall(v.CHECKSUM)
    place = description.index(old[0] if old else description.findall(v.BYTES)[0]) + (not old)
    layout = description[place - 1].tail
    for element in old:
        _take_out(description, element)
    for offset, (algorithm, value) in enumerate(content.checksums.items()):
        checksum = etree.Element(
            v.CHECKSUM, {v.PARSE_TYPE: "Resource"}, nsmap={"slreq": v.SLREQ, "rdf": v.RDF}
        )
        for name, text in ((v.ALGORITHM, algorithm), (v.VALUE, value)):
            etree.SubElement(checksum, name).text = text
        checksum.tail = layout
        description.insert(place + offset, checksum)


def _set_terms(description: _Element, terms: Terms) -> None:
    prefixes = {namespace: prefix for prefix, namespace in PREFIXES.items()}
    for name, values in terms.items():
        for element in description.findall(name):
            _take_out(description, element)
        for value in values:
            leaf = etree.SubElement(description, name, nsmap=_nsmap(name, prefixes))
            try:
                leaf.text = value
            except ValueError:
                raise DraftError(f"{v.prefixed(name)}: has characters that XML cannot hold") from None
            # On a line of its own, as far to the right as the first; the identifier always stands before it.
            leaf.tail, description[-2].tail = description[-2].tail, description.text


def _take_out(description: _Element, element: _Element) -> None:
    """Take an element out together with the line it stood on."""
    before = element.getprevious()
    if not (element.tail or "").strip():
        if element.getnext() is not None:
            element.tail = None
        elif before is not None and not (before.tail or "").strip():
            before.tail = None
    remove_element(description, element)


def _nsmap(name: str, prefixes: Mapping[str, str]) -> dict[str, str]:
    namespace = v.namespace_of(name)
    return {prefixes.get(namespace, "x"): namespace}


def _written(root: _Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
