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
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from validators.certificates import MIN_KEY_BITS, STRONG_KEY_BITS, certificate_names
from validators.distinguished import Name, name_of_der
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
class Link:
    """One certificate, read for building paths.

    Args:
        name: the subject as entries spell it.
        unknown: critical extensions whose meaning is not known here, in dotted form.
    """

    certificate: x509.Certificate
    der: bytes
    fingerprint: str
    name: str
    subject: Name
    issuer: Name
    not_before: datetime
    not_after: datetime
    basic: x509.BasicConstraints | None
    usage: x509.KeyUsage | None
    constraints: x509.NameConstraints | None
    alternatives: tuple[x509.GeneralName, ...]
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
        certificate = x509.load_der_x509_certificate(der)
        issuer, subject = certificate_names(certificate)
        extensions = certificate.extensions
        critical = [one for one in extensions if one.critical]
        certificate.public_key()
        return Link(
            certificate=certificate,
            der=der,
            fingerprint=hashlib.sha256(der).hexdigest(),
            name=java_name_of_der(subject),
            subject=name_of_der(subject),
            issuer=name_of_der(issuer),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            basic=_value(extensions, x509.BasicConstraints),
            usage=_value(extensions, x509.KeyUsage),
            constraints=_value(extensions, x509.NameConstraints),
            alternatives=tuple(_value(extensions, x509.SubjectAlternativeName) or ()),
            unknown=tuple(one.oid.dotted_string for one in critical if not _is_understood(one)),
        )
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm) as error:
        raise MaterialError(f"is no certificate that can be read ({error})") from None
    except (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise MaterialError(f"is no certificate that can be read ({error})") from None


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
    key = link.certificate.public_key()
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
        digest = signed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return Age.BROKEN
    if isinstance(digest, _STRONG_HASHES):
        return Age.STRONG
    return Age.LEGACY if isinstance(digest, hashes.SHA1) else Age.BROKEN


@lru_cache(maxsize=4096)
def is_signed_by(child: bytes, parent: bytes) -> bool:
    """Whether the key of one certificate (DER) signed another (DER)."""
    signed = parse_link(child).certificate
    return _holds(signed, signed.tbs_certificate_bytes, parse_link(parent))


def chain_above(certificate: bytes, beside: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those of some certificates (DER) that signed the first one, or another one of them that did.

    A signature does not cover what stands beside the signer's certificate, so anybody
    can put more there: only what belongs to it is worth keeping.
    """
    above: list[bytes] = []
    reached = [certificate]
    while reached:
        below = reached.pop()
        for one in beside:
            if one not in above and one != certificate and _signed(below, one):
                above.append(one)
                reached.append(one)
    return tuple(above)


def _signed(child: bytes, parent: bytes) -> bool:
    try:
        return parse_link(child).issuer == parse_link(parent).subject and is_signed_by(child, parent)
    except MaterialError:
        return False


def is_list_signed_by(signed: x509.CertificateRevocationList, parent: Link) -> bool:
    """Whether a certificate's key signed a revocation list."""
    return _holds(signed, signed.tbs_certlist_bytes, parent)


def _holds(signed: x509.Certificate | x509.CertificateRevocationList, content: bytes, by: Link) -> bool:
    """Verify by hand: the library's own calls refuse SHA-1, about which the site's policy decides."""
    key = by.certificate.public_key()
    try:
        digest = signed.signature_hash_algorithm
        if digest is None:
            return False
        if isinstance(key, rsa.RSAPublicKey):
            parameters = getattr(signed, "signature_algorithm_parameters", None) or padding.PKCS1v15()
            if not isinstance(parameters, padding.PKCS1v15 | padding.PSS):
                return False
            key.verify(signed.signature, content, parameters, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signed.signature, content, ec.ECDSA(digest))
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(signed.signature, content, digest)
        else:
            return False
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _value(extensions: x509.Extensions, kind: type[_Kind]) -> _Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_understood(extension: x509.Extension[x509.ExtensionType]) -> bool:
    if isinstance(extension.value, x509.ExtendedKeyUsage):
        return not _PURPOSES.isdisjoint(extension.value)
    return extension.oid in _UNDERSTOOD
