"""Certificates as links of a path: what each says of itself, and which rules it breaks by itself.

The rules are RFC 5280's, section 6.1, checked here because the library's own path
building knows no revocation lists and takes keys that nobody should trust.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from validators.certificates import MIN_KEY_BITS, STRONG_KEY_BITS, is_signature_by
from validators.distinguished import Name, name_of_der
from validators.distribution import Point, find_points
from validators.general_names import GeneralName, find_subject_addresses, general_name
from validators.library import UnreadableError, ask_library, load_certificate, read_outline
from validators.names import java_name_of_der

#: Largest certificate that is looked at, in bytes.
MAX_CERTIFICATE_BYTES: Final = 64 * 1024
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_STRONG_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.EXTENDED_KEY_USAGE,
        # No policy is asked for, so every policy will do.
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
#: Purposes that go with signing statements; a critical list without any of them forbids it.
_PURPOSES: Final = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
    }
)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


class MaterialError(ValueError):
    """Something that trust should rest on cannot be used; the message says why."""


class Age(StrEnum):
    """What a key or a signature is good for by its algorithm."""

    STRONG = "strong"
    LEGACY = "legacy"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Bounds:
    """An authority's name constraints: which names it may certify.

    Args:
        permitted, excluded: subtrees.
    """

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate, read for building paths: judging asks the library nothing but for signatures.

    Args:
        signed: what its issuer signed, in DER.
        serial: any integer.
        name: the subject as entries spell it.
        addresses: emailAddress values of the subject; None for one that is no IA5String.
        key_strength: how good the key is; ``hash_strength``: the hash under its issuer's signature.
        key_digest: stands for the key, whatever certificate holds it.
        pss_only: the key makes RSASSA-PSS signatures only.
        key_id: what the certificate calls its key; None where it has no word for it.
        points: where it says that its revocation lists are.
        alternatives: names of SubjectAlternativeName.
        unknown: critical extensions whose meaning is not known here, in dotted form.
    """

    certificate: x509.Certificate
    der: bytes
    signed: bytes
    fingerprint: str
    serial: int
    name: str
    subject: Name
    issuer: Name
    addresses: tuple[str | None, ...]
    key: object
    key_strength: Age
    hash_strength: Age
    key_digest: str
    pss_only: bool
    key_id: bytes | None
    points: tuple[Point, ...]
    not_before: datetime
    not_after: datetime
    basic: x509.BasicConstraints | None
    usage: x509.KeyUsage | None
    bounds: Bounds | None
    alternatives: tuple[GeneralName, ...]
    unknown: tuple[str, ...]

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are the same name."""
        return self.subject == self.issuer

    def __repr__(self) -> str:
        return f"<Link {self.name} {self.fingerprint[:16]}>"


@lru_cache(maxsize=2048)
def parse_link(der: bytes) -> Link:
    """Read a certificate for building paths.

    Raises:
        MaterialError: it cannot be read.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise MaterialError(f"has {len(der)} bytes, at most {MAX_CERTIFICATE_BYTES} are looked at")
    try:
        return ask_library(lambda: _read_link(der))
    except UnreadableError as error:
        raise MaterialError(f"is not a readable certificate ({error})") from None


def _read_link(der: bytes) -> Link:
    outline = read_outline(der)
    certificate = load_certificate(outline)
    extensions = certificate.extensions
    critical = [one for one in extensions if one.critical]
    issuer = name_of_der(outline.issuer)
    key_id = _value(extensions, x509.SubjectKeyIdentifier)
    key = certificate.public_key()
    return Link(
        certificate=certificate,
        der=der,
        signed=outline.signed,
        fingerprint=hashlib.sha256(der).hexdigest(),
        serial=outline.serial,
        name=java_name_of_der(outline.subject),
        subject=name_of_der(outline.subject),
        issuer=issuer,
        addresses=find_subject_addresses(outline.subject),
        key=key,
        key_strength=_key_strength(key),
        hash_strength=signature_age(certificate),
        key_digest=hashlib.sha256(outline.key).hexdigest(),
        pss_only=outline.pss_only,
        key_id=None if key_id is None else key_id.digest,
        points=find_points(_value(extensions, x509.CRLDistributionPoints) or (), issuer),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        basic=_value(extensions, x509.BasicConstraints),
        usage=_value(extensions, x509.KeyUsage),
        bounds=_bounds(_value(extensions, x509.NameConstraints)),
        alternatives=tuple(map(general_name, _value(extensions, x509.SubjectAlternativeName) or ())),
        unknown=tuple(one.oid.dotted_string for one in critical if not _is_understood(one)),
    )


def _bounds(constraints: x509.NameConstraints | None) -> Bounds | None:
    if constraints is None:
        return None
    return Bounds(
        tuple(map(general_name, constraints.permitted_subtrees or ())),
        tuple(map(general_name, constraints.excluded_subtrees or ())),
    )


def find_issuing_fault(link: Link) -> str | None:
    """Why a certificate may not issue others, whatever it was signed with; None where it may."""
    if link.basic is None or not link.basic.ca:
        return "is not a CA certificate (basicConstraints)"
    if link.usage is not None and not link.usage.key_cert_sign:
        return "may not sign certificates (keyUsage)"
    return find_own_fault(link)


def find_own_fault(link: Link) -> str | None:
    """Why a certificate cannot be part of any path; None where it can."""
    if link.unknown:
        return f"has critical extensions of unknown meaning ({', '.join(link.unknown)})"
    return None


def may_sign_lists(link: Link) -> bool:
    """Whether a certificate's key usage lets it sign revocation lists."""
    return link.usage is None or link.usage.crl_sign


def key_age(link: Link) -> Age:
    """How good a certificate's key is."""
    return link.key_strength


def _key_strength(key: object) -> Age:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_KEY_BITS:
            return Age.BROKEN
        return Age.STRONG if key.key_size >= STRONG_KEY_BITS else Age.LEGACY
    if isinstance(key, dsa.DSAPublicKey):
        return Age.LEGACY if key.key_size >= MIN_KEY_BITS else Age.BROKEN
    is_strong = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)
    return Age.STRONG if is_strong else Age.BROKEN


def signature_age(signed: x509.Certificate | x509.CertificateRevocationList) -> Age:
    """How good the hash is under a certificate's or a list's signature."""
    try:
        digest = ask_library(lambda: signed.signature_hash_algorithm)
    except UnreadableError:
        return Age.BROKEN
    if isinstance(digest, _STRONG_HASHES):
        return Age.STRONG
    return Age.LEGACY if isinstance(digest, hashes.SHA1) else Age.BROKEN


@lru_cache(maxsize=4096)
def is_signed_by(child: bytes, parent: bytes) -> bool:
    """Whether the key of one certificate (DER) signed another (DER)."""
    made, by = parse_link(child), parse_link(parent)
    return is_signature_by(by.key, made.certificate, made.signed, pss_only=by.pss_only)


def chain_above(certificate: bytes, intermediates: Sequence[bytes]) -> tuple[bytes, ...]:
    """The certificates (DER), of those given, in the chain above the first one.

    A signature does not cover what stands beside the signer's certificate, so anybody
    can put more there: only what belongs to it is worth keeping.
    """
    above: list[bytes] = []
    reached = [certificate]
    while reached:
        below = reached.pop()
        for one in intermediates:
            if one not in above and one != certificate and _signed(below, one):
                above.append(one)
                reached.append(one)
    return tuple(above)


def _signed(child: bytes, parent: bytes) -> bool:
    try:
        return parse_link(child).issuer == parse_link(parent).subject and is_signed_by(child, parent)
    except MaterialError:
        return False


def is_list_signed_by(made: x509.CertificateRevocationList, parent: Link) -> bool:
    """Whether a certificate's key signed a revocation list."""
    return is_signature_by(parent.key, made, made.tbs_certlist_bytes, pss_only=parent.pss_only)


def _value(extensions: x509.Extensions, kind: type[_Kind]) -> _Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_understood(extension: x509.Extension[x509.ExtensionType]) -> bool:
    if isinstance(extension.value, x509.ExtendedKeyUsage):
        return not _PURPOSES.isdisjoint(extension.value)
    return extension.oid in _UNDERSTOOD
