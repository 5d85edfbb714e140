"""Step 1, before any tree: a streaming look at the bytes that refuses what would be costly or ambiguous.

libxml2 canonicalises an element in time quadratic in its attributes and
namespaces, inside C code that nothing can interrupt, and an attacker needs no key
to have it done. So the bytes first go through expat, which builds nothing, and
every cap of the format is checked there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn
from xml.parsers import expat

from validators.errors import (
    AttributeLimitError,
    CommentLimitError,
    DepthLimitError,
    DoctypeError,
    ElementLimitError,
    EncodingError,
    NameLimitError,
    NamespaceLimitError,
    NamespaceUriError,
    NotWellFormedError,
    OutsideRootError,
    SizeLimitError,
    TextLimitError,
    VersionError,
)
from validators.vocabulary import PREFIXES


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of FORMAT step 1.

    Args:
        size: bytes of the document.
        depth: elements from the root to the innermost one, both counted.
        elements: in the document.
        attributes: on one element, namespace declarations not counted.
        namespaces: declarations in the document.
        comments: comments and processing instructions in the document, together. Each becomes a node of
            the tree that is twenty times as large as the five bytes that it takes to send one.
        text: characters of one run of text or of one attribute value.
        name: characters of a local name, a prefix, a namespace name or a processing instruction's target.
        expanded: characters of all names of elements and attributes, each with its namespace name, and of
            all attribute values. Exclusive canonicalisation may write that much: namespaces once more for
            every element that uses them, which would make 30 MB of a document of one.
    """

    size: int = 1_048_576
    depth: int = 32
    elements: int = 2_000
    attributes: int = 64
    namespaces: int = 64
    comments: int = 2_000
    text: int = 65_536
    name: int = 256
    expanded: int = 4_194_304


LIMITS: Final = Limits()

# These are asked for every element.
_DEPTH: Final = LIMITS.depth
_ELEMENTS: Final = LIMITS.elements
_NAME: Final = LIMITS.name
_EXPANDED: Final = LIMITS.expanded
#: So many characters of attributes fit beside all the names that elements may have.
_EASILY: Final = LIMITS.expanded - LIMITS.elements * (2 * LIMITS.name + 1)
_PAIRS: Final = 2 * LIMITS.attributes

#: Expat joins namespace and local name with this, and refuses namespaces that contain it.
SEPARATOR: Final = "}"
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_JUNK: Final = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]


def verify_prescan(data: bytes) -> list[str]:
    """Check the bytes against every rule that can be checked without a tree.

    Returns:
        The names of all elements in document order, for comparison with what the tree parser reads:
        ``namespace}local``, which is a Clark name without its first brace; ``local`` in no namespace.

    Raises:
        ParseStepError: the subclass names the rule (FORMAT, step 1).
    """
    if len(data) > LIMITS.size:
        raise SizeLimitError("document", len(data), f"at most {LIMITS.size} bytes")
    _verify_encoding(data)
    return _Scan().run(data)


def _verify_encoding(data: bytes) -> None:
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{data[error.start]:02x} at offset {error.start}"
        raise EncodingError("document", found, "UTF-8") from None
    if b"\0" in data:
        # No XML document has a NUL, but UTF-16 and UTF-32 without a mark are full of them.
        raise EncodingError("document", f"a NUL byte at offset {data.index(0)}", "UTF-8")


class _Scan:
    """The state of one pass through the bytes."""

    __slots__ = ("closed", "comments", "names", "namespaces", "place", "text", "written")

    def __init__(self) -> None:
        # All elements so far, and those of them that have ended. How many have not is the depth.
        self.names: list[str] = []
        self.closed: list[str] = []
        self.comments = 0
        self.written = 0
        self.namespaces = 0
        self.place = (0, 0)
        self.text = 0

    def run(self, data: bytes) -> list[str]:
        # None: no dictionary of the names seen. To fill one takes a sixth of the scan's time.
        parser = expat.ParserCreate("utf-8", SEPARATOR, None)
        parser.ordered_attributes = True
        parser.XmlDeclHandler = _declaration
        parser.StartDoctypeDeclHandler = _doctype
        parser.StartNamespaceDeclHandler = self.namespace
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.closed.append
        parser.CommentHandler = self.comment
        parser.ProcessingInstructionHandler = self.instruction
        if len(data) > LIMITS.text:
            # In fewer bytes there is no room for a text that is too long.
            parser.buffer_text = True
            parser.CharacterDataHandler = self.characters
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            _refuse_malformed(error)
        return self.names

    def namespace(self, prefix: str | None, uri: str | None) -> None:
        self.namespaces += 1
        if self.namespaces > LIMITS.namespaces:
            raise NamespaceLimitError(
                "document", "more", f"at most {LIMITS.namespaces} namespace declarations"
            )
        if prefix is not None and len(prefix) > LIMITS.name:
            raise NameLimitError("namespace prefix", prefix, f"at most {LIMITS.name} characters")
        if uri is None or uri in PREFIXES:  # nearly all are the format's
            return
        if len(uri) > LIMITS.name:
            # Exclusive canonicalisation writes it again for every element that uses it first.
            raise NameLimitError("namespace name", uri, f"at most {LIMITS.name} characters")
        if _ABSOLUTE.match(uri) is None:
            raise NamespaceUriError(f"xmlns:{prefix}" if prefix else "xmlns", uri, "an absolute URI")

    def start(self, name: str, attributes: Sequence[str]) -> None:
        names = self.names
        names.append(name)
        count = len(names)
        if count - len(self.closed) > _DEPTH or count > _ELEMENTS or len(name) > _NAME:
            self.verify_element(name)
        if attributes:
            length = len("".join(attributes))
            self.written += length
            # Almost always they are together no longer than one of them may be.
            if length > _NAME or len(attributes) > _PAIRS:
                _verify_attributes(name, attributes)
            if self.written > _EASILY and self.written + sum(map(len, names)) > _EXPANDED:
                raise NamespaceLimitError("document", "more", f"at most {_EXPANDED} characters of names")

    def verify_element(self, name: str) -> None:
        if len(self.names) > LIMITS.elements:
            raise ElementLimitError("document", "more", f"at most {LIMITS.elements} elements")
        depth = len(self.names) - len(self.closed)
        if depth > LIMITS.depth:
            raise DepthLimitError(_local(name), f"depth {depth}", f"at most {LIMITS.depth}")
        _verify_name(name)

    def characters(self, data: str) -> None:
        # A long run of text arrives in pieces, and a comment does not end it. Every tag
        # changes one of these two numbers.
        place = (len(self.names), len(self.closed))
        self.text = self.text + len(data) if place == self.place else len(data)
        self.place = place
        if self.text > LIMITS.text:
            raise TextLimitError(_local(self.names[-1]), "more", f"at most {LIMITS.text} characters of text")

    def comment(self, data: str) -> None:
        self.comments += 1
        if self.comments > LIMITS.comments:
            raise CommentLimitError(
                "document", "more", f"at most {LIMITS.comments} comments and processing instructions"
            )

    def instruction(self, target: str, data: str) -> None:
        if len(self.names) == len(self.closed):
            raise OutsideRootError(
                "document", f"<?{target}", "only white space and comments outside the root"
            )
        if len(target) > LIMITS.name:
            raise NameLimitError("processing instruction", target, f"at most {LIMITS.name} characters")
        self.comment(data)


def _declaration(version: str, encoding: str | None, standalone: int) -> None:
    if version != "1.0":
        raise VersionError("XML declaration", version, "version 1.0")
    if encoding is not None and encoding.lower() != "utf-8":
        raise EncodingError("XML declaration", encoding, "encoding UTF-8")


def _doctype(name: str, system: str | None, public: str | None, internal: bool) -> NoReturn:
    raise DoctypeError("document", f"<!DOCTYPE {name}", "no DOCTYPE")


def _verify_attributes(element: str, attributes: Sequence[str]) -> None:
    count = len(attributes) // 2
    if count > LIMITS.attributes:
        raise AttributeLimitError(_local(element), count, f"at most {LIMITS.attributes} attributes")
    for name in attributes[::2]:
        _verify_name(name)
    for value in attributes[1::2]:
        if len(value) > LIMITS.text:
            expected = f"attributes of at most {LIMITS.text} characters"
            raise TextLimitError(_local(element), len(value), expected)


def _verify_name(name: str) -> None:
    local = _local(name)
    if len(local) > LIMITS.name:
        raise NameLimitError("name", local, f"at most {LIMITS.name} characters")


def _local(name: str) -> str:
    return name.rpartition(SEPARATOR)[2]


def _refuse_malformed(error: expat.ExpatError) -> NoReturn:
    place = f"line {error.lineno}, column {error.offset + 1}"
    if error.code == _JUNK:
        raise OutsideRootError("document", place, "only white space and comments outside the root") from None
    raise NotWellFormedError(
        "document", f"{expat.ErrorString(error.code)} at {place}", "well-formed XML with namespaces"
    ) from None
