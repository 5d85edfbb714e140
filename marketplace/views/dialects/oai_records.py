"""What OAI-PMH tells of an entry: identifier, sets, and its metadata in two formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from lxml import etree

from marketplace.views.dialects.texts import xml_text
from marketplace.views.value import Record, View, ViewImage
from validators import vocabulary as v
from validators.document import format_time
from validators.errors import RefusedError
from validators.parser import parse_trusted

OAI_DC, SIGNED = "oai_dc", "stratuslab"
_DC: Final = "http://purl.org/dc/elements/1.1/"
#: Characters that a set may be named with, beside letters and digits.
_SET_SAFE: Final = "-_.~*'()"


@dataclass(frozen=True, slots=True)
class Format:
    """A metadata format as ListMetadataFormats tells it."""

    prefix: str
    schema: str
    namespace: str


_OAI_DC_NAMESPACE: Final = "http://www.openarchives.org/OAI/2.0/oai_dc/"
FORMATS: Final = (
    Format(OAI_DC, "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", _OAI_DC_NAMESPACE),
    Format(SIGNED, "http://www.openarchives.org/OAI/2.0/rdf.xsd", v.RDF),
)


def identifier_of(view: View, record: Record) -> str:
    """The identifier of an item: the host of the site and the coordinates of the entry."""
    return f"oai:{_host(view)}:{quote(record.coordinates.path(), safe='/@:+~')}"


def find_record(view: View, identifier: str) -> Record | None:
    """The record that an identifier names; None where it names none."""
    start = f"oai:{_host(view)}:"
    if not identifier.startswith(start):
        return None
    record = view.by_coordinates.get(unquote(identifier[len(start) :]))
    return record if record is not None and identifier_of(view, record) == identifier else None


def _host(view: View) -> str:
    return urlsplit(view.site).hostname or "localhost"


def sets_of(record: Record) -> Sequence[str]:
    """The sets that a record is in; what is gone stays in them, so that who reads a set hears of it."""
    sets = [f"endorser:{set_name(record.coordinates.email)}"]
    if record.os.strip():
        sets.append(f"os:{set_name(record.os.strip().lower())}")
    return [*sets, "status:valid", *(["status:deprecated"] if record.deprecated else [])]


def set_name(text: str) -> str:
    """A text as a part of a set's name: other characters than those allowed as ``!`` and two hex digits."""
    plain = ((c.isascii() and c.isalnum()) or c in _SET_SAFE for c in text)
    return "".join(
        c if ok else "".join(f"!{byte:02X}" for byte in c.encode()) for c, ok in zip(text, plain, strict=True)
    )


def list_sets(records: Iterable[Record]) -> Mapping[str, str]:
    """Every set with what people call it."""
    found = {
        "endorser": "Endorsers", "os": "Systems", "status": "Status",
        "status:valid": "Valid, and what was", "status:deprecated": "Withdrawn by the endorser",
    }  # fmt: skip
    for one in records:
        found[f"endorser:{set_name(one.coordinates.email)}"] = f"Endorsed by {one.coordinates.email}"
        if one.os.strip():
            found[f"os:{set_name(one.os.strip().lower())}"] = f"System {one.os.strip().lower()}"
    return dict(sorted(found.items()))


def metadata_of(view: View, image: ViewImage, prefix: str, entries: Mapping[str, bytes]) -> str | None:
    """The metadata of what is shown; None where the entry was erased meanwhile."""
    if prefix == OAI_DC:
        return _dublin_core(view, image)
    data = entries.get(image.entry_id)
    return None if data is None else signed_xml(data)


def signed_xml(data: bytes) -> str | None:
    """A signed entry without what stands around its root, so that it can stand inside a document."""
    try:
        root = parse_trusted(data)
    except RefusedError:
        return None
    # Each of its elements is in a namespace that it names itself: none is the one of the document around it.
    text: str = etree.tostring(root, encoding="unicode", with_tail=False)
    return text


def _dublin_core(view: View, image: ViewImage) -> str:
    parts = "".join(
        f"<dc:{name}>{xml_text(text)}</dc:{name}>" for name, text in _elements(view, image) if text.strip()
    )
    return (
        f'<oai_dc:dc xmlns:oai_dc="{_OAI_DC_NAMESPACE}" xmlns:dc="{_DC}"'
        f' xsi:schemaLocation="{_OAI_DC_NAMESPACE} {FORMATS[0].schema}">{parts}</oai_dc:dc>'
    )


def _elements(view: View, image: ViewImage) -> Iterator[tuple[str, str]]:
    said = image.metadata
    yield "title", image.title
    yield "creator", image.term(v.dcterms("creator")) or image.email
    for tag in said.tags:
        yield "subject", tag
    yield "description", said.description or ""
    yield "publisher", said.publisher or ""
    yield "contributor", image.email
    yield "date", format_time(image.created)
    yield "type", "Software"
    yield "type", said.kind or said.type
    yield "format", said.format or ""
    # The first one is what proves the others: the signed entry.
    yield "identifier", view.entry_url(image)
    yield "identifier", image.identifier
    yield "identifier", f"entry:{image.entry_id}"
    if image.locations:
        yield "source", view.image_url(image)
    yield "relation", image.term(v.dcterms("replaces"))
    for licence in image.licences:
        yield "rights", licence
