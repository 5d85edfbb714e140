"""Step 4: the signed content has the shape of the format and its values are what they claim to be.

Elements are found by qualified name along their one path, in any order. The text
of a value is taken as it stands: no trimming, no case folding, ASCII digits only,
always ``fullmatch``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from validators import vocabulary as v
from validators.checksums import parse_checksum, verify_sha1
from validators.document import Checksum, Endorser, Extension, Metadata, Term
from validators.errors import (
    AboutError,
    BaseError,
    BytesError,
    CreatedError,
    DescriptionCountError,
    ElementCountError,
    EmailError,
    IcmpError,
    IdentifierError,
    ParseTypeError,
    PortError,
    RefusedError,
    RootError,
    UnexpectedAttributeError,
    UnexpectedElementError,
    UnexpectedTextError,
    ValidError,
)
from validators.extensions import parse_extension
from validators.identifier import is_identifier
from validators.times import parse_time
from validators.vocabulary import prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element

_DIGITS: Final = re.compile(r"[0-9]+")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_EMAIL_LENGTH: Final = 254
_BYTES_LIMIT: Final = 2**63
_PORT_LIMIT: Final = 65_536
_ICMP_LIMIT: Final = 256
_WHITE_SPACE: Final = " \t\r\n"

_LANG: Final = frozenset({v.XML_LANG})
_ROOT_ATTRIBUTES: Final = frozenset({v.XML_BASE, v.XML_LANG, v.XML_SPACE, v.XML_ID})
_RESOURCE_ATTRIBUTES: Final = frozenset({v.XML_LANG, v.PARSE_TYPE, v.BARE_PARSE_TYPE})


@dataclass(frozen=True, slots=True)
class Content:
    """Everything an entry says, read from what was signed."""

    identifier: str
    created: datetime
    endorser: Endorser
    metadata: Metadata


def parse_content(root: _Element) -> Content:
    """Read the signed content and check every constraint.

    Args:
        root: parsed from the digested bytes, so without signature and comments.

    Raises:
        ConstraintError: the subclass names the rule (FORMAT, step 4).
    """
    description = _the_description(root)
    children = _by_name(description)
    identifier = _identifier(description, children)
    created, endorser = _endorsement(_one(description, children, v.ENDORSEMENT))
    checksums = _checksums(description, children)
    verify_sha1(checksums, identifier)
    return Content(identifier, created, endorser, _metadata(description, children, checksums))


def _the_description(root: _Element) -> _Element:
    if root.tag != v.RDF_ROOT:
        raise RootError("root", prefixed(str(root.tag)), "rdf:RDF")
    if root.get(v.XML_BASE) != v.BASE:
        raise BaseError("rdf:RDF/@xml:base", root.get(v.XML_BASE, "nothing"), v.BASE)
    if not _ROOT_ATTRIBUTES.issuperset(root.keys()):
        raise RootError("rdf:RDF", ", ".join(map(prefixed, map(str, root.keys()))), "only xml: attributes")
    _verify_blank(root)
    children = [child for child in root if isinstance(child.tag, str)]
    for child in children:
        if child.tag != v.DESCRIPTION:
            raise UnexpectedElementError("rdf:RDF", prefixed(str(child.tag)), "one rdf:Description")
    if len(children) != 1:
        raise DescriptionCountError("rdf:Description", f"{len(children)} of them", "exactly one")
    return children[0]


def _by_name(parent: _Element) -> Mapping[str, Sequence[_Element]]:
    """The children of an element that holds no text, by name, each list in document order."""
    _verify_blank(parent)
    children: defaultdict[str, list[_Element]] = defaultdict(list)
    for child in parent:
        if isinstance(child.tag, str):
            children[child.tag].append(child)
    return children


def _verify_blank(parent: _Element) -> None:
    texts = [parent.text, *(child.tail for child in parent)]
    for text in texts:
        if text and text.strip(_WHITE_SPACE):
            raise UnexpectedTextError(prefixed(str(parent.tag)), text, "no text between its elements")


def _one(parent: _Element, children: Mapping[str, Sequence[_Element]], name: str) -> _Element:
    found = children.get(name, ())
    if len(found) != 1:
        where = f"{prefixed(str(parent.tag))}/{prefixed(name)}"
        raise ElementCountError(where, f"{len(found)} of them", "exactly one")
    return found[0]


def _leaf(element: _Element) -> str:
    """The text of a known element that holds a value and nothing else."""
    name = prefixed(str(element.tag))
    if not _LANG.issuperset(element.keys()):
        raise UnexpectedAttributeError(
            name, ", ".join(map(prefixed, map(str, element.keys()))), "only xml:lang"
        )
    if len(element):
        raise UnexpectedElementError(name, prefixed(str(element[0].tag)), "text only")
    return element.text or ""


def _resource(element: _Element, names: frozenset[str]) -> Mapping[str, Sequence[_Element]]:
    """The children of a known element with parseType="Resource", which holds only certain ones."""
    name = prefixed(str(element.tag))
    if not _RESOURCE_ATTRIBUTES.issuperset(element.keys()):
        shown = ", ".join(map(prefixed, map(str, element.keys())))
        raise UnexpectedAttributeError(name, shown, "only rdf:parseType and xml:lang")
    types = [value for key, value in element.items() if key != v.XML_LANG]
    if types != ["Resource"]:
        raise ParseTypeError(
            name, ", ".join(map(str, types)) or "no rdf:parseType", 'rdf:parseType="Resource"'
        )
    children = _by_name(element)
    for child in children:
        if child not in names:
            raise UnexpectedElementError(name, prefixed(child), ", ".join(sorted(map(prefixed, names))))
    return children


def _identifier(description: _Element, children: Mapping[str, Sequence[_Element]]) -> str:
    identifier = _leaf(_one(description, children, v.IDENTIFIER))
    if not is_identifier(identifier):
        expected = "27 characters of A-Z a-z 0-9 - _, the first one A-P"
        raise IdentifierError("dcterms:identifier", identifier, expected)
    about = description.get(v.ABOUT)
    if about != f"#{identifier}":
        raise AboutError("rdf:Description/@rdf:about", about or "nothing", f"#{identifier}")
    if len(description.keys()) != 1:
        shown = ", ".join(map(prefixed, map(str, description.keys())))
        raise UnexpectedAttributeError("rdf:Description", shown, "only rdf:about")
    return identifier


_ENDORSEMENT_PARTS: Final = frozenset({v.CREATED, v.ENDORSER})
_ENDORSER_PARTS: Final = frozenset({v.EMAIL, v.SUBJECT, v.ISSUER})
_CHECKSUM_PARTS: Final = frozenset({v.ALGORITHM, v.VALUE})


def _endorsement(endorsement: _Element) -> tuple[datetime, Endorser]:
    parts = _resource(endorsement, _ENDORSEMENT_PARTS)
    created = _time(_one(endorsement, parts, v.CREATED), CreatedError)
    endorser = _one(endorsement, parts, v.ENDORSER)
    names = _resource(endorser, _ENDORSER_PARTS)
    email = _leaf(_one(endorser, names, v.EMAIL))
    if _EMAIL.fullmatch(email) is None or len(email) > _EMAIL_LENGTH:
        raise EmailError(
            "slreq:email", email, f"an address like name@example.org, at most {_EMAIL_LENGTH} characters"
        )
    subject = _leaf(_one(endorser, names, v.SUBJECT))
    issuer = _leaf(_one(endorser, names, v.ISSUER))
    return created, Endorser(email, subject, issuer)


def _checksums(description: _Element, children: Mapping[str, Sequence[_Element]]) -> tuple[Checksum, ...]:
    checksums = []
    for element in children.get(v.CHECKSUM, ()):
        parts = _resource(element, _CHECKSUM_PARTS)
        algorithm = _leaf(_one(element, parts, v.ALGORITHM))
        checksums.append(parse_checksum(algorithm, _leaf(_one(element, parts, v.VALUE))))
    return tuple(checksums)


def _metadata(
    description: _Element, children: Mapping[str, Sequence[_Element]], checksums: tuple[Checksum, ...]
) -> Metadata:
    for name in v.SINGLE:
        if len(children.get(name, ())) > 1:
            raise ElementCountError(prefixed(name), f"{len(children[name])} of them", "at most one")
    size = _number(_one(description, children, v.BYTES), _BYTES_LIMIT, BytesError)
    kind = _leaf(_one(description, children, v.TYPE))
    terms, extensions = _further(description)
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for term in terms:
        texts[term.name].append(term.text)

    def first(name: str) -> str | None:
        return next(iter(texts[name]), None)

    return Metadata(
        size=size,
        checksums=checksums,
        type=kind,
        terms=terms,
        extensions=extensions,
        valid=_expiry(children.get(v.VALID, ())),
        deprecated=first(v.DEPRECATED),
        title=first(v.TITLE),
        description=first(v.DESCRIPTION_TEXT),
        os=first(v.OS),
        os_version=first(v.OS_VERSION),
        os_arch=first(v.OS_ARCH),
        kind=first(v.KIND),
        format=first(v.FORMAT),
        version=first(v.VERSION),
        publisher=first(v.PUBLISHER),
        tags=tuple(texts[v.ALTERNATIVE]),
        locations=tuple(texts[v.LOCATION]),
    )


_REQUIRED: Final = frozenset({v.IDENTIFIER, v.BYTES, v.CHECKSUM, v.ENDORSEMENT, v.TYPE})


def _further(description: _Element) -> tuple[tuple[Term, ...], tuple[Extension, ...]]:
    """The optional known elements and the extensions, in document order."""
    terms: list[Term] = []
    extensions: list[Extension] = []
    for element in description:
        name = element.tag
        if name in v.OPTIONAL:
            terms.append(Term(str(name), _leaf(element), element.get(v.XML_LANG)))
            _verify_range(element)
        elif isinstance(name, str) and name not in _REQUIRED:
            extensions.append(parse_extension(element))
    return tuple(terms), tuple(extensions)


def _verify_range(element: _Element) -> None:
    if element.tag in (v.INBOUND_PORT, v.OUTBOUND_PORT):
        _number(element, _PORT_LIMIT, PortError)
    elif element.tag == v.ICMP:
        _number(element, _ICMP_LIMIT, IcmpError)


def _number(element: _Element, limit: int, error: Callable[[str, str, str], RefusedError]) -> int:
    """A number below a limit; leading zeros are fine, however many."""
    text = _leaf(element)
    significant = text.lstrip("0")
    if _DIGITS.fullmatch(text) and len(significant) <= len(str(limit)):
        number = int(significant or "0")
        if number < limit:
            return number
    raise error(prefixed(str(element.tag)), text, f"a number from 0 to {limit - 1} in ASCII digits")


def _expiry(elements: Sequence[_Element]) -> datetime | None:
    """The earliest of the expiry times; an empty element counts as absent."""
    return min((_time(element, ValidError) for element in elements if _leaf(element)), default=None)


def _time(element: _Element, error: Callable[[str, str, str], RefusedError]) -> datetime:
    text = _leaf(element)
    try:
        return parse_time(text)
    except ValueError:
        expected = "a UTC second that exists, written YYYY-MM-DDThh:mm:ssZ"
        raise error(prefixed(str(element.tag)), text, expected) from None
