"""Demo entries as RDF/XML, ready to sign."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from marketplace.demo.images import make_image
from validators import vocabulary as v
from validators.document import format_time
from validators.drafting import ImageContent, new_draft
from validators.identifier import identifier_from_sha1

#: Stands for the URL of the content server in locations; nothing lies in this folder of it.
CONTENT_SERVER, GONE = "CONTENT", "gone/"
#: What every entry says of its file, so that nobody takes it for what it stands for.
_STAND_IN = (
    '<demo:file xmlns:demo="http://demo.example.org/terms#">A tiny image stands for the real one: a machine '
    "that starts from it says so on its serial line and stops.</demo:file>"
)
_CHECKSUMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}


@dataclass(frozen=True)
class DemoEntry:
    """One entry of the demo catalogue.

    Args:
        endorser: handle of who signs.
        name: names the image and its file; the identifier follows from it.
        age: days from the endorsement to the loading of the catalogue.
        valid: days from the loading to dcterms:valid, negative where it has passed; None: never expires.
        deprecated: the reason; an empty text deprecates too.
        replaced_by: whose image to use instead.
        locations: None: one file of the content server; ``CONTENT`` in them stands for its address.
        extra: further elements of rdf:Description, as XML with namespaces declared.
    """

    endorser: str
    name: str
    os: str
    os_version: str
    os_arch: str = "x86_64"
    age: int = 30
    valid: int | None = 180
    version: str = "1.0"
    kind: str = "machine"
    type: str = "base"
    format: str = "qcow2"
    compression: str | None = None
    title: str | None = None
    description: str = ""
    publisher: str | None = None
    deprecated: str | None = None
    replaced_by: DemoEntry | None = None
    tags: tuple[str, ...] = ()
    locations: tuple[str, ...] | None = None
    extra: str = ""

    @property
    def file(self) -> str:
        """The name of the file that holds the image."""
        return f"{self.name}.{self.format}" + (f".{self.compression}" if self.compression else "")

    def addresses(self) -> tuple[str, ...]:
        """Where it says that its image lies, with ``CONTENT`` for the content server."""
        return (f"{CONTENT_SERVER}/{self.file}",) if self.locations is None else self.locations

    def image(self) -> bytes:
        """The image, uncompressed."""
        return make_image(self.name, self.format, self.kind)


def draft(entry: DemoEntry, now: datetime, content: str) -> bytes:
    """Write an entry as RDF/XML without an endorsement.

    Args:
        now: when the catalogue is loaded; the entry's times are relative to it.
        content: URL of the content server that has the files.
    """
    image = entry.image()
    digests = {
        algorithm: hashlib.new(name, image, usedforsecurity=False).hexdigest()
        for algorithm, name in _CHECKSUMS.items()
    }
    about = ImageContent(identifier_from_sha1(digests["SHA-1"]), len(image), digests)
    root = etree.fromstring(new_draft(about, entry.type, _terms(entry, now, content)))
    for extension in etree.fromstring(f"<extra>{_STAND_IN}{entry.extra}</extra>"):
        root[0].append(extension)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _terms(entry: DemoEntry, now: datetime, content: str) -> dict[str, list[str]]:
    terms = {
        v.KIND: entry.kind,
        v.OS: entry.os,
        v.OS_VERSION: entry.os_version,
        v.OS_ARCH: entry.os_arch,
        v.VERSION: entry.version,
        v.FORMAT: entry.format,
        v.dcterms("compression"): entry.compression,
        v.CREATED: format_time(now - timedelta(days=entry.age)),
        v.VALID: None if entry.valid is None else format_time(now + timedelta(days=entry.valid)),
        v.TITLE: entry.title or f"{entry.os} {entry.os_version} ({entry.os_arch})",
        v.DESCRIPTION_TEXT: entry.description,
        v.PUBLISHER: entry.publisher,
        v.slterms("hypervisor"): "kvm" if entry.kind == "machine" else None,
        v.DEPRECATED: entry.deprecated,
        v.REPLACED_BY: None if entry.replaced_by is None else _identifier(entry.replaced_by),
    }
    return {name: [text] for name, text in terms.items() if text is not None} | {
        v.ALTERNATIVE: list(entry.tags),
        v.LOCATION: [place.replace(CONTENT_SERVER, content) for place in entry.addresses()],
    }


def _identifier(entry: DemoEntry) -> str:
    return identifier_from_sha1(hashlib.sha1(entry.image(), usedforsecurity=False).hexdigest())
