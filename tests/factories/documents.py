"""Metadata documents: a frozen draft, its RDF/XML, and that XML really signed.

>>> draft = image(title="Tiny Linux", tags=("stable",))
>>> data = signed(draft, make_identity(), created="2024-05-01T12:00:00Z")

``signed`` and ``unsigned`` take hooks that change the XML text before it is
signed, so a test can break one thing and leave the rest valid.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.serialization import Encoding

from tests.factories.identities import Identity, make_identity
from validators.identifier import identifier_from_sha1
from validators.library import read_outline
from validators.names import java_name_of_der
from validators.signing import sign_unverified

CREATED = "2024-05-01T12:00:00Z"

Hook = Callable[[str], str]

_ROOT = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dcterms="http://purl.org/dc/terms/"'
    ' xmlns:slreq="http://mp.stratuslab.eu/slreq#" xmlns:slterms="http://mp.stratuslab.eu/slterms#"'
    ' xml:base="http://mp.stratuslab.eu/">'
)


@dataclass(frozen=True)
class ImageDraft:
    """What a test wants an entry to say. An absent optional field leaves its element out.

    ``identifier`` and the SHA-1 follow from ``content`` unless given; ``extra`` is raw XML put last
    into the rdf:Description.
    """

    content: str = "image"
    identifier: str | None = None
    sha1: str | None = None
    size: int | str = 1_073_741_824
    checksums: tuple[tuple[str, str], ...] = ()
    type: str = "machine"
    kind: str | None = "machine"
    os: str | None = "debian"
    os_version: str | None = "13"
    os_arch: str | None = "x86_64"
    version: str | None = "1.0"
    format: str | None = "qcow2"
    compression: str | None = None
    title: str | None = "A demo image"
    description: str | None = "A small image for tests."
    creator: str | None = "Jane Tester"
    publisher: str | None = None
    record_created: str | None = None
    valid: str | None = None
    deprecated: str | None = None
    tags: tuple[str, ...] = ()
    locations: tuple[str, ...] = ("http://images.example.org/image.qcow2",)
    extra: str = ""

    @property
    def sha1_hex(self) -> str:
        """The SHA-1 that the checksum element shows."""
        return self.sha1 or hashlib.sha1(self.content.encode(), usedforsecurity=False).hexdigest()

    @property
    def about(self) -> str:
        """The identifier that rdf:about and dcterms:identifier show."""
        return self.identifier or identifier_from_sha1(self.sha1_hex)

    def but(self, **changes: object) -> ImageDraft:
        """The same draft with some fields changed."""
        return dataclasses.replace(self, **changes)


def image(**fields: object) -> ImageDraft:
    """Make a draft; ``image(content="x")`` and ``image(content="y")`` are different images."""
    return ImageDraft(**fields)


def draft_xml(draft: ImageDraft, endorsement: str = "") -> str:
    """Write a draft as RDF/XML text, without a signature."""
    body = "\n    ".join(
        line for line in (*_required(draft), endorsement, *_optional(draft), draft.extra) if line
    )
    about = f'  <rdf:Description rdf:about="#{escape(draft.about)}">'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{_ROOT}\n'
        f"{about}\n    {body}\n  </rdf:Description>\n</rdf:RDF>\n"
    )


def endorsement_xml(identity: Identity, created: str = CREATED, email: str | None = None) -> str:
    """Write the endorsement an identity makes, for documents that are signed by other means."""
    outline = read_outline(identity.certificate.public_bytes(Encoding.DER))
    return (
        f'<slreq:endorsement rdf:parseType="Resource"><dcterms:created>{created}</dcterms:created>'
        '<slreq:endorser rdf:parseType="Resource">'
        f"<slreq:email>{escape(email or identity.email or '')}</slreq:email>"
        f"<slreq:subject>{escape(java_name_of_der(outline.subject))}</slreq:subject>"
        f"<slreq:issuer>{escape(java_name_of_der(outline.issuer))}</slreq:issuer>"
        "</slreq:endorser></slreq:endorsement>"
    )


def unsigned(
    draft: ImageDraft | None = None,
    identity: Identity | None = None,
    created: str = CREATED,
    *,
    email: str | None = None,
    hook: Hook | None = None,
) -> bytes:
    """The document with its endorsement and without a signature: input for signers of odd shapes."""
    text = draft_xml(draft or image(), endorsement_xml(identity or make_identity(), created, email))
    return (hook(text) if hook else text).encode()


def signed(
    draft: ImageDraft | None = None,
    identity: Identity | None = None,
    created: str | datetime = CREATED,
    *,
    email: str | None = None,
    hook: Hook | None = None,
) -> bytes:
    """Sign a draft as the project's own signer does (strong, exclusive C14N).

    Args:
        created: of the endorsement, as text or as an aware datetime.
        email: the endorser's, where the certificate holds none.
        hook: changes the XML text before it is signed. The endorsement is written by the signer, so
            a hook cannot reach it; use ``unsigned`` and a raw signer for that.
    """
    text = draft_xml(draft or image())
    moment = created if isinstance(created, datetime) else _moment(created)
    document = (hook(text) if hook else text).encode()
    return sign_unverified(document, (identity or make_identity()).signing, moment, email=email)


def _required(draft: ImageDraft) -> list[str]:
    checksums = (("SHA-1", draft.sha1_hex), *draft.checksums)
    return [
        f"<dcterms:identifier>{escape(draft.about)}</dcterms:identifier>",
        f"<slreq:bytes>{draft.size}</slreq:bytes>",
        *(
            f'<slreq:checksum rdf:parseType="Resource"><slreq:algorithm>{escape(algorithm)}</slreq:algorithm>'
            f"<slreq:value>{escape(value)}</slreq:value></slreq:checksum>"
            for algorithm, value in checksums
        ),
        f"<dcterms:type>{escape(draft.type)}</dcterms:type>",
    ]


def _optional(draft: ImageDraft) -> list[str]:
    single = {
        "slterms:kind": draft.kind,
        "slterms:os": draft.os,
        "slterms:os-version": draft.os_version,
        "slterms:os-arch": draft.os_arch,
        "slterms:version": draft.version,
        "dcterms:format": draft.format,
        "dcterms:compression": draft.compression,
        "dcterms:title": draft.title,
        "dcterms:description": draft.description,
        "dcterms:creator": draft.creator,
        "dcterms:publisher": draft.publisher,
        "dcterms:created": draft.record_created,
        "dcterms:valid": draft.valid,
        "slterms:deprecated": draft.deprecated,
    }
    repeated = [("dcterms:alternative", tag) for tag in draft.tags]
    repeated += [("slterms:location", location) for location in draft.locations]
    elements = [(name, text) for name, text in single.items() if text is not None] + repeated
    return [f"<{name}>{escape(text)}</{name}>" for name, text in elements]


def _moment(created: str) -> datetime:
    return datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
