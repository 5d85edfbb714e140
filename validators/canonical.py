"""Canonical XML: the bytes that are digested, signed and named by the entry id.

Sources: Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0, XML
Signature section 4.4.3.3 (the node set of ``URI=""`` has no comments).
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from lxml import etree

from validators.errors import CanonicalFormError
from validators.parser import parse_trusted
from validators.signature_shape import Canonicalization
from validators.vocabulary import XML, XML_ID, namespace_of

if TYPE_CHECKING:
    from lxml.etree import _Element


def canonicalize_document(root: _Element, method: Canonicalization) -> bytes:
    """Canonicalise a whole document without its comments.

    For a whole document 1.0 and 1.1 write the same bytes: they differ in what an
    element takes over from ancestors that are left out.

    Raises:
        CanonicalFormError: libxml2 finds no canonical form.
    """
    try:
        canonical: bytes = etree.tostring(
            root.getroottree(), method="c14n", exclusive=method.exclusive, with_comments=False
        )
    except etree.C14NError as error:
        raise CanonicalFormError("document", str(error), "XML that has a canonical form") from None
    return canonical


def canonicalize_signed_info(signed_info: _Element, method: Canonicalization) -> bytes:
    """Canonicalise ds:SignedInfo as the apex of its own document subset.

    libxml2 offers this only for whole documents (in place it writes ``xmlns=""``
    that are not there, and leaves out inherited ``xml:`` attributes), so SignedInfo
    becomes a document. For exclusive canonicalisation that is a copy, which has the
    namespaces of its names, and no others are written. Inclusive canonicalisation
    writes every namespace in scope, so there it is written out and parsed again, and
    given the xml: attributes of its ancestors. xml:base needs no joining in 1.1: only
    the root may carry one.

    Args:
        signed_info: still in its document.
        method: the CanonicalizationMethod.

    Raises:
        CanonicalFormError: libxml2 finds no canonical form.
    """
    if method.exclusive:
        lone = copy(signed_info)
        # The text behind SignedInfo would come behind the root.
        lone.tail = None
    else:
        lone = parse_trusted(etree.tostring(signed_info, encoding="utf-8", with_tail=False))
        for name, value in _inherited(signed_info, method):
            lone.set(name, value)
    return canonicalize_document(lone, method)


def remove_child(parent: _Element, element: _Element) -> None:
    """Take an element out of its parent and leave the text behind it where it is.

    lxml takes that text (the element's tail) away with the element, but in the
    document it belongs to the parent, and the digest covers it.
    """
    tail = element.tail
    if tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)


def _inherited(signed_info: _Element, method: Canonicalization) -> list[tuple[str, str]]:
    """The xml: attributes of the root, which is the only ancestor that may have any."""
    root = signed_info.getroottree().getroot()
    return [
        (str(name), str(value))
        for name, value in root.items()
        if namespace_of(str(name)) == XML and (method.inherits_id or name != XML_ID)
    ]
