"""What an entry says, arranged for reading: terms with labels, and extensions as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from marketplace.locations.links import link
from validators import vocabulary as v
from validators.document import AcceptedEntry, Extension, Term
from validators.identifier import is_identifier
from validators.vocabulary import namespace_of, prefixed

from .display import cut

#: Elements of extensions, and characters of each of their texts, that a page shows.
MOST_STATEMENTS, MOST_TEXT = 150, 800
_MOST_VALUES = 50

#: Terms with a place of their own on the page.
_ELSEWHERE = frozenset({v.TITLE, v.DESCRIPTION_TEXT, v.LOCATION, v.DEPRECATED, v.ALTERNATIVE, v.VALID})
_LABELS = {
    v.OS: "System",
    v.OS_VERSION: "System version",
    v.OS_ARCH: "Architecture",
    v.KIND: "Kind",
    v.FORMAT: "Format",
    v.dcterms("compression"): "Compression",
    v.VERSION: "Version",
    v.SERIAL_NUMBER: "Serial number",
    v.PUBLISHER: "Publisher",
    v.dcterms("creator"): "Creator",
    v.CREATED: "Metadata created",
    v.slterms("hypervisor"): "Hypervisor",
    v.slterms("disks-bus"): "Disk bus",
    v.INBOUND_PORT: "Inbound ports",
    v.OUTBOUND_PORT: "Outbound ports",
    v.ICMP: "ICMP types",
    v.dcterms("replaces"): "Replaces",
    v.dcterms("isReplacedBy"): "Replaced by",
    v.dcterms("isVersionOf"): "Version of",
    v.dcterms("accessRights"): "Access rights",
    v.dcterms("audience"): "Audience",
}
_BY_PREFIXED = {prefixed(name): label for name, label in _LABELS.items()} | {
    prefixed(v.TITLE): "Title",
    prefixed(v.DESCRIPTION_TEXT): "Description",
    prefixed(v.LOCATION): "Download address",
    prefixed(v.DEPRECATED): "Withdrawn",
    prefixed(v.ALTERNATIVE): "Tag",
    prefixed(v.VALID): "Expires",
}
_IMAGES = frozenset({v.dcterms("replaces"), v.dcterms("isReplacedBy"), v.dcterms("isVersionOf")})
_LANGUAGE = re.compile("[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a term.

    Args:
        language: of the text, if it names a proper one.
        image: the identifier it is, where it names an image.
    """

    text: str
    language: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A term with all its values; ``name`` as the format writes it, ``dcterms:publisher``."""

    label: str
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ExtensionElement:
    """An element of an extension.

    Args:
        namespace: where the name comes from.
        notes: its attributes: language, datatype and, in XML literals, any.
        href: an address it refers to that is safe to follow.
        resource: the address it refers to, as written.
        tail: text behind it, inside its parent.
    """

    name: str
    namespace: str
    text: str
    notes: tuple[str, ...]
    href: str | None
    resource: str | None
    children: tuple[ExtensionElement, ...]
    tail: str


@dataclass(frozen=True, slots=True)
class Statements:
    """The extensions of an entry; ``left_out`` elements are too many for a page."""

    listed: tuple[ExtensionElement, ...]
    left_out: int


def label_of(name: str) -> str:
    """What people call a term that the format writes as ``dcterms:title``."""
    return _BY_PREFIXED.get(name) or cut(name, 60)


def facts(entry: AcceptedEntry) -> list[Fact]:
    """Every known term without a place of its own, each once, in the order of the document."""
    grouped: dict[str, list[Value]] = {}
    for term in entry.metadata.terms:
        if term.name not in _ELSEWHERE and term.text.strip():
            grouped.setdefault(term.name, []).append(_value(term))
    return [
        Fact(_LABELS.get(name) or prefixed(name), prefixed(name), tuple(values[:_MOST_VALUES]))
        for name, values in grouped.items()
    ]


def _value(term: Term) -> Value:
    text = term.text.strip()
    image = text if term.name in _IMAGES and is_identifier(text) else None
    language = term.lang if term.lang and _LANGUAGE.fullmatch(term.lang) else None
    return Value(cut(text, MOST_TEXT), language, image)


def statements(extensions: Sequence[Extension]) -> Statements:
    """The extensions as a tree that fits a page."""
    budget = iter(range(MOST_STATEMENTS))
    shown = tuple(_several(extensions, budget))
    return Statements(shown, sum(map(_count, extensions)) - sum(map(_count_lines, shown)))


def _several(extensions: Sequence[Extension], budget: Iterator[int]) -> Iterator[ExtensionElement]:
    for extension in extensions:
        if next(budget, None) is None:
            return
        yield _statement(extension, budget)


def _statement(extension: Extension, budget: Iterator[int]) -> ExtensionElement:
    attributes = {attribute.name: attribute.value for attribute in extension.attributes}
    resource = attributes.pop(v.RDF_RESOURCE, None)
    notes = tuple(_notes(attributes))
    return ExtensionElement(
        name=_local(extension.name),
        namespace=namespace_of(extension.name),
        text=cut(extension.text.strip(), MOST_TEXT),
        notes=notes,
        href=None if resource is None else link(resource),
        resource=None if resource is None else cut(resource, MOST_TEXT),
        children=tuple(_several(extension.children, budget)),
        tail=cut(extension.tail.strip(), MOST_TEXT),
    )


def _notes(attributes: dict[str, str]) -> Iterator[str]:
    for name, value in attributes.items():
        if name in (v.PARSE_TYPE, v.BARE_PARSE_TYPE):
            if value == "Literal":
                yield "XML"
        elif name == v.XML_LANG:
            yield cut(value, 40)
        elif name == v.DATATYPE:
            yield cut(value.rpartition("#")[2] or value, 80)
        else:
            yield cut(f"{prefixed(name)} = {value}", 200)


def _local(name: str) -> str:
    return cut(name.rpartition("}")[2], 100)


def _count(extension: Extension) -> int:
    return 1 + sum(map(_count, extension.children))


def _count_lines(statement: ExtensionElement) -> int:
    return 1 + sum(map(_count_lines, statement.children))
