"""The endorsement of a draft: takes an old one and old signatures out, and writes the new one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from validators.document import Endorser, format_time
from validators.editing import remove_element
from validators.signing_errors import DraftError, SigningEmailError
from validators.vocabulary import (
    BASE,
    CREATED,
    DCTERMS,
    DESCRIPTION,
    EMAIL,
    ENDORSEMENT,
    ENDORSER,
    ISSUER,
    PARSE_TYPE,
    RDF,
    RDF_ROOT,
    SLREQ,
    SUBJECT,
    XML_BASE,
    ds,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_PREFIXES = {"rdf": RDF, "dcterms": DCTERMS, "slreq": SLREQ}


def get_description(root: _Element) -> _Element:
    """The one rdf:Description of a draft.

    Raises:
        DraftError: the document is no metadata.
    """
    descriptions = root.findall(DESCRIPTION)
    if root.tag != RDF_ROOT or len(descriptions) != 1:
        raise DraftError("the document is not an rdf:RDF element with exactly one rdf:Description in it")
    return descriptions[0]


def strip_signatures(root: _Element) -> _Element:
    """Take every signature out of a draft, and give its description back.

    Raises:
        DraftError: the document is no metadata.
    """
    description = get_description(root)
    for parent in (root, description):
        for signature in parent.findall(ds("Signature")):
            remove_element(parent, signature)
    return description


def endorse(root: _Element, endorser: Endorser, created: datetime) -> None:
    """Make a draft the statement of an endorser, without a signature yet.

    Args:
        root: of the draft; an endorsement and signatures in it are replaced.
        created: aware, cut to whole seconds.

    Raises:
        DraftError: the document is no metadata.
        SigningEmailError: XML cannot hold the endorser's names.
    """
    description = strip_signatures(root)
    old = description.findall(ENDORSEMENT)
    place = description.index(old[0]) if old else len(description)
    for element in old:
        remove_element(description, element)
    endorsement = _resource(ENDORSEMENT)
    _leaf(endorsement, CREATED, format_time(created.astimezone(UTC)))
    inner = _resource(ENDORSER)
    endorsement.append(inner)
    _leaf(inner, EMAIL, endorser.email)
    _leaf(inner, SUBJECT, endorser.subject)
    _leaf(inner, ISSUER, endorser.issuer)
    description.insert(place, endorsement)
    if XML_BASE not in root.attrib:
        root.set(XML_BASE, BASE)


def _resource(tag: str) -> _Element:
    return etree.Element(tag, {PARSE_TYPE: "Resource"}, nsmap=_PREFIXES)


def _leaf(parent: _Element, tag: str, text: str) -> None:
    try:
        etree.SubElement(parent, tag).text = text
    except ValueError:
        name = etree.QName(tag).localname
        raise SigningEmailError(f"the endorser's {name} has characters that XML cannot hold") from None
