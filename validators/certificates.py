"""Certificates: read once, judged by the rules for a signer, and named as entries name them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from validators.errors import (
    CertificateAuthorityError,
    CertificateMalformedError,
    KeySizeError,
    KeyTypeError,
    KeyUsageError,
    SelfSignatureError,
)
from validators.names import der_elements, java_name_of_der

SigningKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey

#: Smallest RSA and DSA keys, in bits: of any signature, and of a strong one.
MIN_KEY_BITS: Final = 1024
STRONG_KEY_BITS: Final = 2048
#: Largest DSA key, in bits; the standard ends at 3072.
MAX_DSA_BITS: Final = 4096

_DSA_ORDERS: Final = (160, 224, 256)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_ELEMENT: Final = "ds:X509Certificate"
_SEQUENCE: Final = 0x30
_EXPLICIT_VERSION: Final = 0xA0
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    IndexError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_RSA_PADDINGS: Final = (padding.PKCS1v15, padding.PSS)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    """A certificate that may sign entries, with everything that acceptance asks of it.

    Args:
        key: RSA or DSA of 1024 bits or more, or a key on one of the format's curves.
        key_fingerprint: SHA-256 of the key (SubjectPublicKeyInfo), whatever certificate holds it.
        subjects: the spellings of the subject that an entry may use.
        issuers: likewise of the issuer.
        email: first rfc822Name, if there is one.
    """

    der: bytes
    fingerprint: bytes
    key: SigningKey
    key_fingerprint: bytes
    subjects: tuple[str, ...]
    issuers: tuple[str, ...]
    email: str | None
    not_before: datetime
    not_after: datetime


# A handful of endorsers sign most entries. The value depends on the bytes alone.
@lru_cache(maxsize=512)
def parse_signer(der: bytes) -> SignerCertificate:
    """Read the certificate of a signer and check that it may sign.

    Raises:
        SignatureStepError: the subclass names the rule (FORMAT, step 3).
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        extensions = certificate.extensions
        issuer, subject = certificate_names(certificate)
        names = (
            _spellings(subject, lambda: certificate.subject),
            _spellings(issuer, lambda: certificate.issuer),
        )
        period = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except UnsupportedAlgorithm as error:
        raise KeyTypeError(_ELEMENT, str(error), "an RSA, DSA or EC key") from None
    except _UNREADABLE as error:
        raise CertificateMalformedError(_ELEMENT, str(error), "an X.509 certificate in DER") from None
    _verify_purpose(extensions)
    if not set(names[0]).isdisjoint(names[1]):
        _verify_self_signature(certificate, der)
    return SignerCertificate(
        der=der,
        fingerprint=hashlib.sha256(der).digest(),
        key=_verify_key(key),
        key_fingerprint=key_fingerprint(certificate),
        subjects=names[0],
        issuers=names[1],
        email=_first_email(extensions),
        not_before=period[0],
        not_after=period[1],
    )


def key_fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of a certificate's public key, in one spelling of it."""
    key = certificate.public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


@lru_cache(maxsize=512)
def is_self_signed(der: bytes) -> bool:
    """Whether a certificate names itself as issuer and was signed with its own key.

    The signature counts: nothing covers the certificates beside a signature, so
    anybody can put in another one with the same names and key.
    """
    certificate = x509.load_der_x509_certificate(der)
    issuer, subject = certificate_names(certificate)
    return subject == issuer and _signed_itself(certificate)


def _signed_itself(certificate: x509.Certificate) -> bool:
    """Verify a self-signature by hand: the library's own call refuses the SHA-1 ones of old catalogues."""
    key = certificate.public_key()
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        parameters = certificate.signature_algorithm_parameters
        digest = certificate.signature_hash_algorithm
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
            key.verify(signature, signed, parameters)
        elif isinstance(key, dsa.DSAPublicKey) and digest is not None:
            key.verify(signature, signed, digest)
        elif (
            isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, _RSA_PADDINGS) and digest is not None
        ):
            key.verify(signature, signed, parameters, digest)
        else:
            return False
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _verify_self_signature(certificate: x509.Certificate, der: bytes) -> None:
    """Refuse a certificate that says it issued itself, and was changed after it was made.

    An XML signature does not cover the certificates beside it. Without this check
    anybody could alter the dates of somebody's self-signed certificate, or a byte of
    its signature, and upload the same entry again under another entry id. Where
    another authority issued the certificate, only step 7 knows the issuer's key.
    """
    # The signature is a BIT STRING at the very end, whose first byte counts unused bits: there are
    # none, but where the last bit happens to be 0 a parser takes a 1 there too.
    whole = der.endswith(b"\0" + certificate.signature)
    if not whole or not _signed_itself(certificate):
        expected = "a certificate that its own key signed, as its issuer's name says"
        raise SelfSignatureError(_ELEMENT, "another signature", expected)


def verify_other(der: bytes) -> bytes:
    """Check that one of the further certificates is a single DER structure.

    Acceptance believes nothing in it, and what a certificate library takes changes
    with its version, so it is not read any further before trust is judged.

    Raises:
        CertificateMalformedError: the bytes cannot be a certificate.
    """
    if len(der) < 2 or der[0] != _SEQUENCE or _der_length(der) != len(der):
        raise CertificateMalformedError(_ELEMENT, f"{len(der)} bytes", "an X.509 certificate in DER")
    return der


def _der_length(der: bytes) -> int:
    """Length in bytes of the structure that starts here, header included."""
    first = der[1]
    if first < 0x80:
        return 2 + first
    end = 2 + (first & 0x7F)
    return end + int.from_bytes(der[2:end], "big")


def certificate_names(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """Issuer and subject in DER."""
    fields = der_elements(certificate.tbs_certificate_bytes)
    # version (where it is given), serial number, algorithm, issuer, validity, subject
    start = 1 if fields[0][0] == _EXPLICIT_VERSION else 0
    return fields[start + 2], fields[start + 4]


def _spellings(der: bytes, name: Callable[[], x509.Name]) -> tuple[str, ...]:
    try:
        return java_name_of_der(der), name().rfc4514_string()
    except ValueError:
        return (java_name_of_der(der),)


def _verify_purpose(extensions: x509.Extensions) -> None:
    constraints = _find(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise CertificateAuthorityError(_ELEMENT, "a CA certificate", "the certificate of an endorser")
    usage = _find(extensions, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        expected = "digitalSignature or nonRepudiation in its KeyUsage"
        raise KeyUsageError(_ELEMENT, "a KeyUsage without both", expected)


def _verify_key(key: object) -> SigningKey:
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        if key.key_size < MIN_KEY_BITS:
            raise KeySizeError(_ELEMENT, f"{key.key_size} bits", f"at least {MIN_KEY_BITS}")
        if isinstance(key, dsa.DSAPublicKey):
            _verify_group(key)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    kind = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    raise KeyTypeError(_ELEMENT, kind, "RSA, DSA, or EC on P-256, P-384 or P-521")


def _verify_group(key: dsa.DSAPublicKey) -> None:
    """Refuse a DSA key under which anybody can sign: with g = y = 1, r = s = 1 fits every message."""
    numbers = key.public_numbers()
    p, q, g = numbers.parameter_numbers.p, numbers.parameter_numbers.q, numbers.parameter_numbers.g
    # The sizes come first: powers of numbers of any size take any time.
    sizes_hold = key.key_size <= MAX_DSA_BITS and q.bit_length() in _DSA_ORDERS
    if not sizes_hold or not all(1 < n < p and pow(n, q, p) == 1 for n in (g, numbers.y)):
        raise KeyTypeError(_ELEMENT, "another DSA key", "a DSA key in a group of 160, 224 or 256 bits")


def _first_email(extensions: x509.Extensions) -> str | None:
    names = _find(extensions, x509.SubjectAlternativeName)
    emails = names.get_values_for_type(x509.RFC822Name) if names is not None else []
    return emails[0] if emails else None


def _find(extensions: x509.Extensions, kind: type[_Kind]) -> _Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
