"""Step 4: the signed content has the shape of the format and its values are what they claim to be.

Elements are found by qualified name along their one path, in any order. The text
of a value is taken as it stands: no trimming, no case folding, ASCII digits only,
always ``fullmatch``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from validators import vocabulary as v
from validators.checksums import find_stated, verify_sha1
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
    PortError,
    RefusedError,
    RootError,
    UnexpectedAttributeError,
    UnexpectedElementError,
    ValidError,
)
from validators.extensions import parse_extension
from validators.identifier import is_identifier
from validators.shape import (
    Children,
    attributes,
    get_one,
    list_nodes,
    parse_children,
    parse_leaf,
    parse_resource,
)
from validators.times import parse_time
from validators.vocabulary import prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element

_DIGITS: Final = re.compile(r"[0-9]+")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_EMAIL_LENGTH: Final = 254
#: What an endorser's address looks like, in words.
EMAIL_SHAPE: Final = f"an address like name@example.org, at most {_EMAIL_LENGTH} characters"
_BYTES_LIMIT: Final = 2**63
_MOST_DIGITS: Final = len(str(_BYTES_LIMIT))
_RANGES: Final[Mapping[str, tuple[int, type[RefusedError]]]] = {
    v.INBOUND_PORT: (65_536, PortError),
    v.OUTBOUND_PORT: (65_536, PortError),
    v.ICMP: (256, IcmpError),
}

_ROOT_ATTRIBUTES: Final = frozenset({v.XML_BASE, v.XML_LANG, v.XML_SPACE, v.XML_ID})
_CHECKSUM_PARTS: Final = frozenset({v.ALGORITHM, v.VALUE})
_ENDORSEMENT_PARTS: Final = frozenset({v.CREATED, v.ENDORSER})
_ENDORSER_PARTS: Final = frozenset({v.EMAIL, v.SUBJECT, v.ISSUER})


class Content(NamedTuple):
    """Everything an entry says, read from what was signed."""

    identifier: str
    created: datetime
    endorser: Endorser
    metadata: Metadata


def is_email(text: str) -> bool:
    """Whether an endorser can have this address."""
    return len(text) <= _EMAIL_LENGTH and _EMAIL.fullmatch(text) is not None


def parse_content(root: _Element) -> Content:
    """Read the signed content and check every constraint.

    Args:
        root: parsed from the digested bytes, so without signature and comments.

    Raises:
        ConstraintError: the subclass names the rule (FORMAT, step 4).
    """
    description = _the_description(root)
    children = parse_children(description)
    identifier = _identifier(description, children)
    created, endorser = _endorsement(get_one(description, children, v.ENDORSEMENT))
    found = map(_checksum, children.get(v.CHECKSUM, ()))
    checksums = tuple(one for one in found if one is not None)
    verify_sha1(checksums, identifier)
    return Content(identifier, created, endorser, _metadata(description, children, checksums))


def _the_description(root: _Element) -> _Element:
    if root.tag != v.RDF_ROOT:
        raise RootError("root", prefixed(root.tag), "rdf:RDF")
    if root.get(v.XML_BASE) != v.BASE:
        raise BaseError("rdf:RDF/@xml:base", root.get(v.XML_BASE, "nothing"), v.BASE)
    if not _ROOT_ATTRIBUTES.issuperset(root.keys()):
        raise RootError("rdf:RDF", attributes(root), "only xml: attributes")
    children = parse_children(root)
    for name in children:
        if name != v.DESCRIPTION:
            raise UnexpectedElementError("rdf:RDF", prefixed(name), "one rdf:Description")
    descriptions = children.get(v.DESCRIPTION, [])
    if len(descriptions) != 1:
        raise DescriptionCountError("rdf:Description", f"{len(descriptions)} of them", "exactly one")
    return descriptions[0]


def _identifier(description: _Element, children: Children) -> str:
    identifier = parse_leaf(get_one(description, children, v.IDENTIFIER))
    if not is_identifier(identifier):
        expected = "27 characters of A-Z a-z 0-9 - _, the first one A-P"
        raise IdentifierError("dcterms:identifier", identifier, expected)
    about = description.get(v.ABOUT)
    if about != f"#{identifier}":
        raise AboutError("rdf:Description/@rdf:about", about or "nothing", f"#{identifier}")
    if len(description.keys()) != 1:
        raise UnexpectedAttributeError("rdf:Description", attributes(description), "only rdf:about")
    return identifier


def _endorsement(endorsement: _Element) -> tuple[datetime, Endorser]:
    parts = parse_resource(endorsement, _ENDORSEMENT_PARTS)
    created = _time(get_one(endorsement, parts, v.CREATED), CreatedError)
    endorser = get_one(endorsement, parts, v.ENDORSER)
    names = parse_resource(endorser, _ENDORSER_PARTS)
    email = parse_leaf(get_one(endorser, names, v.EMAIL))
    if not is_email(email):
        raise EmailError("slreq:email", email, EMAIL_SHAPE)
    subject = parse_leaf(get_one(endorser, names, v.SUBJECT))
    issuer = parse_leaf(get_one(endorser, names, v.ISSUER))
    return created, Endorser(email, subject, issuer)


def _checksum(element: _Element) -> Checksum | None:
    parts = parse_resource(element, _CHECKSUM_PARTS)
    algorithm = parse_leaf(get_one(element, parts, v.ALGORITHM))
    return find_stated(algorithm, parse_leaf(get_one(element, parts, v.VALUE)))


def _metadata(description: _Element, children: Children, checksums: tuple[Checksum, ...]) -> Metadata:
    for name in v.SINGLE:
        if name in children and len(children[name]) > 1:
            raise ElementCountError(prefixed(name), f"{len(children[name])} of them", "at most one")
    size = _number(get_one(description, children, v.BYTES), _BYTES_LIMIT, BytesError)
    kind = parse_leaf(get_one(description, children, v.TYPE))
    terms, extensions, texts = _further(description)
    first = texts.get
    return Metadata(
        size=size,
        checksums=checksums,
        type=kind,
        terms=terms,
        extensions=extensions,
        valid=_expiry(children[v.VALID]) if v.VALID in children else None,
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
        tags=tuple(map(parse_leaf, children.get(v.ALTERNATIVE, ()))),
        locations=tuple(map(parse_leaf, children.get(v.LOCATION, ()))),
    )


def _further(description: _Element) -> tuple[tuple[Term, ...], tuple[Extension, ...], dict[str, str]]:
    """The optional known elements and the extensions, in document order; and the first text of each name."""
    terms: list[Term] = []
    extensions: list[Extension] = []
    first: dict[str, str] = {}
    for element in list_nodes(description):
        name = element.tag
        if name in v.OPTIONAL:
            text = parse_leaf(element)
            # Whatever attribute a leaf has is its language.
            terms.append(Term(name, text, element.get(v.XML_LANG) if element.keys() else None))
            first.setdefault(name, text)
            if name in _RANGES:
                _number(element, *_RANGES[name])
        elif name not in v.REQUIRED and isinstance(name, str):
            extensions.append(parse_extension(element))
    return tuple(terms), tuple(extensions), first


def _number(element: _Element, limit: int, error: type[RefusedError]) -> int:
    """A number below a limit; leading zeros are fine, however many."""
    text = parse_leaf(element)
    significant = text.lstrip("0")
    # The length comes first: int() takes quadratic time, and raises for thousands of digits.
    if _DIGITS.fullmatch(text) and len(significant) <= _MOST_DIGITS:
        number = int(significant or "0")
        if number < limit:
            return number
    raise error(prefixed(element.tag), text, f"a number from 0 to {limit - 1} in ASCII digits")


def _expiry(elements: Sequence[_Element]) -> datetime | None:
    """The earliest of the expiry times; an empty element counts as absent."""
    return min((_time(element, ValidError) for element in elements if parse_leaf(element)), default=None)


def _time(element: _Element, error: type[RefusedError]) -> datetime:
    text = parse_leaf(element)
    try:
        return parse_time(text)
    except ValueError:
        expected = "a UTC second that exists, written YYYY-MM-DDThh:mm:ssZ"
        raise error(prefixed(element.tag), text, expected) from None
