"""Certificates: read once, judged by the rules for a signer, and named as entries name them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from validators.document import Signer
from validators.errors import (
    CertificateAuthorityError,
    CertificateMalformedError,
    KeySizeError,
    KeyTypeError,
    KeyUsageError,
    SelfSignatureError,
)
from validators.library import Outline, UnreadableError, ask_library, load_certificate, read_outline
from validators.names import java_name_of_der

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
_RSA_PADDINGS: Final = (padding.PKCS1v15, padding.PSS)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    """A certificate that may sign entries, with everything that acceptance asks of it.

    Args:
        signer: what entries tell of it, without the certificates beside it.
        key: RSA or DSA of 1024 bits or more, or a key on one of the format's curves.
        key_fingerprint: SHA-256 of the key (SubjectPublicKeyInfo), whatever certificate holds it.
        subjects: the spellings of the subject that an entry may use.
        issuers: likewise of the issuer.
    """

    signer: Signer
    fingerprint: bytes
    key: SigningKey
    key_fingerprint: bytes
    subjects: tuple[str, ...]
    issuers: tuple[str, ...]


# A handful of endorsers sign most entries. The value depends on the bytes alone.
@lru_cache(maxsize=512)
def parse_signer(der: bytes) -> SignerCertificate:
    """Read the certificate of a signer and check that it may sign.

    Raises:
        SignatureStepError: the subclass names the rule (FORMAT, step 3).
    """
    try:
        outline = read_outline(der)
        return _read_signer(der, outline, load_certificate(outline))
    except UnreadableError as error:
        if error.unsupported:
            raise KeyTypeError(_ELEMENT, str(error), "an RSA, DSA or EC key") from None
        raise CertificateMalformedError(_ELEMENT, str(error), "an X.509 certificate in DER") from None


def _read_signer(der: bytes, outline: Outline, certificate: x509.Certificate) -> SignerCertificate:
    key = ask_library(certificate.public_key)
    extensions = ask_library(lambda: certificate.extensions)
    subjects = _spellings(outline.subject, certificate, "subject")
    issuers = _spellings(outline.issuer, certificate, "issuer")
    not_before = ask_library(lambda: certificate.not_valid_before_utc)
    not_after = ask_library(lambda: certificate.not_valid_after_utc)
    _verify_purpose(extensions)
    if not set(subjects).isdisjoint(issuers):
        _verify_self_signature(outline, certificate, der)
    fingerprint = hashlib.sha256(der).digest()
    verified_key = _verify_key(key, outline)
    key_fingerprint = ask_library(lambda: _fingerprint_of_key(key))
    return SignerCertificate(
        signer=Signer(
            certificate=der,
            intermediates=(),
            fingerprint=fingerprint.hex(),
            key_digest=key_fingerprint.hex(),
            not_before=not_before,
            not_after=not_after,
            email=_first_email(extensions),
        ),
        fingerprint=fingerprint,
        key=verified_key,
        key_fingerprint=key_fingerprint,
        subjects=subjects,
        issuers=issuers,
    )


def _fingerprint_of_key(key: object) -> bytes:
    """SHA-256 of a public key, in one spelling of it."""
    written: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # every public key has it
    return hashlib.sha256(written).digest()


@lru_cache(maxsize=512)
def is_self_signed(der: bytes) -> bool:
    """Whether a certificate names itself as issuer and was signed with its own key.

    The signature counts: nothing covers the certificates beside a signature, so
    anybody can put in another one with the same names and key. What cannot be read
    is not self-signed.
    """
    try:
        outline = read_outline(der)
        return outline.subject == outline.issuer and _signed_itself(outline, load_certificate(outline))
    except UnreadableError:
        return False


def is_signature_by(
    key: object, made: x509.Certificate | x509.CertificateRevocationList, signed: bytes, *, pss_only: bool
) -> bool:
    """Whether a public key made the signature of a certificate or a revocation list.

    By hand: the library's own calls refuse SHA-1, about which the site's policy decides.

    Args:
        made: holds the signature and its algorithm.
        signed: what it covers, in DER.
        pss_only: the key is for RSASSA-PSS alone.
    """

    def verify() -> bool:
        parameters, digest = made.signature_algorithm_parameters, made.signature_hash_algorithm
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
            key.verify(made.signature, signed, parameters)
        elif digest is None:
            return False
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(made.signature, signed, digest)
        elif isinstance(key, rsa.RSAPublicKey) and isinstance(
            parameters, padding.PSS if pss_only else _RSA_PADDINGS
        ):
            key.verify(made.signature, signed, parameters, digest)
        else:
            return False
        return True

    try:
        return ask_library(verify)
    except UnreadableError:
        return False


def _signed_itself(outline: Outline, certificate: x509.Certificate) -> bool:
    key = ask_library(certificate.public_key)
    return is_signature_by(key, certificate, outline.signed, pss_only=outline.pss_only)


def _verify_self_signature(outline: Outline, certificate: x509.Certificate, der: bytes) -> None:
    """Refuse a certificate that says it issued itself, and was changed after it was made.

    An XML signature does not cover the certificates beside it. Without this check
    anybody could alter the dates of somebody's self-signed certificate, or a byte of
    its signature, and upload the same entry again under another entry id. Where
    another authority issued the certificate, only step 7 knows the issuer's key.
    """
    # The signature is a BIT STRING at the very end, whose first byte counts unused bits: there are
    # none, but where the last bit happens to be 0 a parser takes a 1 there too.
    whole = der.endswith(b"\0" + certificate.signature)
    if not whole or not _signed_itself(outline, certificate):
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


def _spellings(der: bytes, certificate: x509.Certificate, which: str) -> tuple[str, ...]:
    """The spellings of a name: Java's, and the library's where it can read the name."""
    try:
        java = java_name_of_der(der)
    except ValueError as error:
        raise UnreadableError(str(error)) from None
    try:
        return java, ask_library(lambda: getattr(certificate, which).rfc4514_string())
    except UnreadableError:
        return (java,)


def _verify_purpose(extensions: x509.Extensions) -> None:
    constraints = _find(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise CertificateAuthorityError(_ELEMENT, "a CA certificate", "the certificate of an endorser")
    usage = _find(extensions, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        expected = "digitalSignature or nonRepudiation in its KeyUsage"
        raise KeyUsageError(_ELEMENT, "a KeyUsage without both", expected)


def _verify_key(key: object, outline: Outline) -> SigningKey:
    if outline.pss_only:
        found = "an RSA key that its certificate restricts to RSASSA-PSS"
        raise KeyTypeError(_ELEMENT, found, "an RSA key for PKCS #1 v1.5 (rsaEncryption), or an EC key")
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
