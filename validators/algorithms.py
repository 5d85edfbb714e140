"""Signature and digest algorithms of the format, and how strong a signature with them is (FORMAT, step 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from validators.certificates import STRONG_KEY_BITS, SignerCertificate, SigningKey
from validators.document import Strength
from validators.errors import (
    DigestAlgorithmError,
    KeyMismatchError,
    SignatureAlgorithmError,
    SignatureValueError,
)

_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_XMLDSIG_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"


@dataclass(frozen=True, slots=True)
class SignatureMethod:
    """One signature algorithm: short name, the kind of key it takes, the hash inside."""

    name: str
    key: type[rsa.RSAPublicKey] | type[dsa.DSAPublicKey] | type[ec.EllipticCurvePublicKey]
    hash: hashes.HashAlgorithm


_SIGNATURE_METHODS: Final = {
    _XMLDSIG + "rsa-sha1": SignatureMethod("rsa-sha1", rsa.RSAPublicKey, hashes.SHA1()),  # noqa: S303 # legacy
    _XMLDSIG + "dsa-sha1": SignatureMethod("dsa-sha1", dsa.DSAPublicKey, hashes.SHA1()),  # noqa: S303 # legacy
    _XMLDSIG_MORE + "rsa-sha256": SignatureMethod("rsa-sha256", rsa.RSAPublicKey, hashes.SHA256()),
    _XMLDSIG_MORE + "rsa-sha384": SignatureMethod("rsa-sha384", rsa.RSAPublicKey, hashes.SHA384()),
    _XMLDSIG_MORE + "rsa-sha512": SignatureMethod("rsa-sha512", rsa.RSAPublicKey, hashes.SHA512()),
    _XMLDSIG_MORE + "ecdsa-sha256": SignatureMethod(
        "ecdsa-sha256", ec.EllipticCurvePublicKey, hashes.SHA256()
    ),
    _XMLDSIG_MORE + "ecdsa-sha384": SignatureMethod(
        "ecdsa-sha384", ec.EllipticCurvePublicKey, hashes.SHA384()
    ),
    _XMLDSIG_MORE + "ecdsa-sha512": SignatureMethod(
        "ecdsa-sha512", ec.EllipticCurvePublicKey, hashes.SHA512()
    ),
}

_PKCS1: Final = padding.PKCS1v15()

#: Digest algorithms by URI: the name that ``hashlib`` knows.
_DIGEST_METHODS: Final = {
    _XMLDSIG + "sha1": "sha1",
    _XMLENC + "sha256": "sha256",
    _XMLDSIG_MORE + "sha384": "sha384",
    _XMLENC + "sha512": "sha512",
}


def get_signature_method(uri: str) -> SignatureMethod:
    """The signature algorithm that a URI names.

    Raises:
        SignatureAlgorithmError: the format does not have it.
    """
    try:
        return _SIGNATURE_METHODS[uri]
    except KeyError:
        expected = "RSA or ECDSA with SHA-256, SHA-384 or SHA-512, or (legacy) RSA or DSA with SHA-1"
        raise SignatureAlgorithmError("ds:SignatureMethod", uri, expected) from None


def get_digest_method(uri: str) -> str:
    """The ``hashlib`` name of the digest algorithm that a URI names.

    Raises:
        DigestAlgorithmError: the format does not have it.
    """
    try:
        return _DIGEST_METHODS[uri]
    except KeyError:
        raise DigestAlgorithmError(
            "ds:DigestMethod", uri, "SHA-256, SHA-384, SHA-512 or (legacy) SHA-1"
        ) from None


def judge_strength(method: SignatureMethod, digest: str, certificate: SignerCertificate) -> Strength:
    """How strong a signature is: SHA-1 in either hash makes any signature legacy, and so does a short key."""
    if "sha1" in (method.hash.name, digest):
        return Strength.LEGACY
    if method.key is rsa.RSAPublicKey:
        return Strength.STRONG if certificate.key.key_size >= STRONG_KEY_BITS else Strength.LEGACY
    # DSA signs with SHA-1 only in this format; the curves of the format are all strong.
    return Strength.STRONG


def verify_signature_value(key: SigningKey, method: SignatureMethod, value: bytes, signed: bytes) -> None:
    """Verify the one public-key signature.

    Args:
        value: as the XML signature holds it: PKCS #1 for RSA, r and s side by side otherwise.
        signed: the canonical SignedInfo.

    Raises:
        KeyMismatchError: the algorithm is not for this kind of key.
        SignatureValueError: the key did not sign these bytes.
    """
    if not isinstance(key, method.key):
        kind = type(key).__name__.removesuffix("PublicKey")
        raise KeyMismatchError("ds:SignatureMethod", method.name, f"one for the certificate's {kind} key")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, _PKCS1, method.hash)
        elif isinstance(key, dsa.DSAPublicKey):
            width = (key.parameters().parameter_numbers().q.bit_length() + 7) // 8
            key.verify(_der_signature(value, width), signed, method.hash)
        else:
            width = (key.curve.key_size + 7) // 8
            key.verify(_der_signature(value, width), signed, ec.ECDSA(method.hash))
    except InvalidSignature:
        expected = "a signature made with the key of the first certificate"
        raise SignatureValueError("ds:SignatureValue", "another signature", expected) from None


def _der_signature(value: bytes, width: int) -> bytes:
    """Write the two numbers of a DSA or ECDSA signature as ASN.1; each takes ``width`` bytes."""
    if len(value) != 2 * width:
        raise SignatureValueError("ds:SignatureValue", f"{len(value)} bytes", f"{2 * width} bytes")
    return encode_dss_signature(int.from_bytes(value[:width], "big"), int.from_bytes(value[width:], "big"))
