"""The values that acceptance produces: what a signed entry says, and who said it.

Everything here is frozen and holds only what the signature covers (plus the
certificates that came beside it). Times are aware UTC datetimes with whole
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Strength(StrEnum):
    """How strong the signature's algorithms and key are (FORMAT step 3)."""

    STRONG = "strong"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Checksum:
    """One slreq:checksum: algorithm as written (``SHA-256``), value as written (hex, either case)."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Endorser:
    """Who signs: e-mail and the certificate's names in the spelling the entry uses."""

    email: str
    subject: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What names an entry in URLs: identifier / endorser e-mail / created."""

    identifier: str
    email: str
    created: datetime

    @property
    def created_text(self) -> str:
        """The creation time as the format writes it, ``YYYY-MM-DDThh:mm:ssZ``."""
        return format_time(self.created)

    @property
    def image(self) -> tuple[str, str]:
        """Identifier and e-mail: what newer entries are about too."""
        return self.identifier, self.email

    def path(self) -> str:
        """``IDENTIFIER/EMAIL/CREATED``, the part of a URL behind ``/metadata/``."""
        return f"{self.identifier}/{self.email}/{self.created_text}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an extension element: Clark name (``{ns}local``) and value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Extension:
    """An element outside the known vocabulary, with everything below it.

    Args:
        name: Clark name (``{namespace}local``; plain ``local`` in no namespace).
        attributes: in document order.
        text: the text of a leaf, or the mixed text in front of the first child.
        children: nested elements in document order.
        tail: text behind this element inside its parent (matters in XML literals).
    """

    name: str
    attributes: tuple[Attribute, ...]
    text: str
    children: tuple[Extension, ...]
    tail: str = ""


class Term(NamedTuple):
    """One further element of the known vocabulary: Clark name, text, xml:lang if any."""

    name: str
    text: str
    lang: str | None = None


class Metadata(NamedTuple):
    """What the entry says about the image.

    ``terms`` has every optional known element in document order (also the
    repeated ones); the named fields are the ones that rules and listings use.
    ``deprecated`` is None where the element is absent and ``""`` where it is
    empty: an empty element deprecates too.
    """

    size: int
    checksums: tuple[Checksum, ...]
    type: str
    terms: tuple[Term, ...]
    extensions: tuple[Extension, ...]
    valid: datetime | None
    deprecated: str | None
    title: str | None
    description: str | None
    os: str | None
    os_version: str | None
    os_arch: str | None
    kind: str | None
    format: str | None
    version: str | None
    publisher: str | None
    tags: tuple[str, ...]
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """The first certificate of the KeyInfo and the ones behind it.

    Args:
        certificate: DER bytes of the certificate whose key verified the signature.
        key_digest: SHA-256 of that public key (SubjectPublicKeyInfo), in hex.
        intermediates: DER bytes of the other certificates, in document order, unverified.
        not_before: start of the certificate's validity, UTC.
        not_after: end of the certificate's validity, UTC.
        email: the certificate's first rfc822Name; where it is None the entry's e-mail is the
            signer's own claim.
    """

    certificate: bytes
    intermediates: tuple[bytes, ...]
    fingerprint: str
    key_digest: str
    not_before: datetime
    not_after: datetime
    email: str | None


@dataclass(frozen=True, slots=True)
class AcceptedEntry:
    """An entry that passed FORMAT steps 1-6. Only ``validators.accept`` makes one.

    Args:
        data: the received bytes, exactly.
        entry_id: SHA-256(exclusive C14N of the signed content without the
            Signature || SHA-256 of the signer's certificate), 64 hex digits.
        statement: SHA-256(the same content || SHA-256 of the signer's public key), 64 hex digits: what
            was said with which key, whatever somebody did to the certificate around the key.
        strength: strong or legacy, for ever.
        signature_algorithm: short name, ``rsa-sha256``.
        digest_algorithm: short name, ``sha256``.
    """

    data: bytes
    entry_id: str
    statement: str
    identifier: str
    created: datetime
    endorser: Endorser
    signer: Signer
    strength: Strength
    signature_algorithm: str
    digest_algorithm: str
    metadata: Metadata

    @property
    def coordinates(self) -> Coordinates:
        """Identifier, endorser e-mail and creation time."""
        return Coordinates(self.identifier, self.endorser.email, self.created)


def format_time(moment: datetime) -> str:
    """Write a UTC datetime as ``YYYY-MM-DDThh:mm:ssZ`` (four-digit year on every platform)."""
    return moment.isoformat()[:19] + "Z"
