"""A key and a certificate that sign entries: what every marketplace accepts, and old clients verify."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from validators.signing import SigningIdentity

#: RSA, because verifiers of every age have it; as strong as P-256.
_BITS: Final = 3072
_EXPONENT: Final = 65537
#: How long a certificate is good; `marketplace keygen` makes the next one.
LIFETIME: Final = timedelta(days=3 * 365)
#: A marketplace's clock may be behind the one of whoever makes a key.
_SKEW: Final = timedelta(minutes=5)
# A common name holds 64 characters (RFC 5280, appendix A); the address stands whole beside it.
_COMMON_NAME: Final = 64


def make_signing_identity(email: str, now: datetime) -> SigningIdentity:
    """Make a key and a self-signed certificate that binds an address.

    Args:
        email: of the endorser, as ``validators.constraints.is_email`` takes it.
        now: when the certificate begins; aware.

    Raises:
        SigningError: never for such an address; the result is checked as every other identity is.
    """
    key = rsa.generate_private_key(_EXPONENT, _BITS)
    name = _name(email)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension, critical in _extensions(email):
        builder = builder.add_extension(extension, critical)
    return SigningIdentity.of(builder.sign(key, hashes.SHA256()), key)


def make_request(identity: SigningIdentity) -> bytes:
    """A request (PKCS#10, PEM) that an authority can issue a certificate for the same key from."""
    certificate = identity.certificate
    builder = x509.CertificateSigningRequestBuilder().subject_name(certificate.subject)
    for extension, critical in _extensions(identity.email or ""):
        builder = builder.add_extension(extension, critical)
    return builder.sign(identity.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def certificate_pem(identity: SigningIdentity) -> bytes:
    """The certificate as PEM."""
    return identity.certificate.public_bytes(Encoding.PEM)


def key_pem(identity: SigningIdentity, password: str) -> bytes:
    """The private key as PEM (PKCS#8), encrypted unless the password is empty."""
    return identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(password))


def key_store(identity: SigningIdentity, password: str) -> bytes:
    """Key and certificate as PKCS#12, encrypted unless the password is empty."""
    name = (identity.email or "").encode()
    return pkcs12.serialize_key_and_certificates(
        name, identity.key, identity.certificate, None, _encryption(password)
    )


def _name(email: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, email[:_COMMON_NAME])])


def _extensions(email: str) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return [
        (x509.SubjectAlternativeName([x509.RFC822Name(email)]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    ]


def _encryption(password: str) -> KeySerializationEncryption:
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()
