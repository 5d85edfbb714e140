"""Demo identities with real keys: made on the spot, once a process for each recipe."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from validators.signing import SigningIdentity

NOT_BEFORE = datetime(2010, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2090, 1, 1, tzinfo=UTC)

_KEYS = {
    "rsa512": lambda: _small_rsa(512),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # old catalogues have such keys
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "p192": lambda: ec.generate_private_key(ec.SECP192R1()),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "dsa1024": lambda: dsa.generate_private_key(1024),  # noqa: S505  # old catalogues have such keys
    "dsa2048": lambda: dsa.generate_private_key(2048),
}


@dataclass(frozen=True)
class Identity:
    """A certificate with its key and issuers. Unlike SigningIdentity it may be weak, a CA's or expired."""

    certificate: x509.Certificate
    key: object
    email: str | None
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def signing(self) -> SigningIdentity:
        """The same identity for ``validators.signing``, unchecked."""
        return SigningIdentity(self.certificate, self.key, self.intermediates, self.email)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, password: str | None = None) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(password))

    def pkcs12(self, password: str | None) -> bytes:
        others = list(self.intermediates) or None
        return pkcs12.serialize_key_and_certificates(
            b"demo", self.key, self.certificate, others, _encryption(password)
        )


@functools.cache
def make_identity(
    name: str = "Jane Tester",
    email: str | None = "jane.tester@example.org",
    key: str = "p256",
    *,
    issuer: Identity | None = None,
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
    ca: bool | None = False,
    key_usage: str | None = "digital_signature",
    subject: x509.Name | None = None,
    more_emails: tuple[str, ...] = (),
    variant: int = 0,
) -> Identity:
    """Make an identity; the same arguments give the same one within a process.

    Args:
        key: one of rsa512 rsa1024 rsa2048 rsa3072 p192 p256 p384 p521 dsa1024 dsa2048.
        issuer: who issues the certificate; itself where absent.
        ca: value of BasicConstraints; None leaves the extension out.
        key_usage: the one usage the certificate allows, in cryptography's spelling; None leaves it out.
        subject: the whole subject name, in place of one made from ``name``.
        more_emails: rfc822Names behind the first.
        variant: tells apart identities that are otherwise equal.
    """
    private_key = _KEYS[key]()
    own_name = subject or _name(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own_name)
        .issuer_name(issuer.certificate.subject if issuer else own_name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    emails = [x509.RFC822Name(each) for each in (email, *more_emails) if each]
    if emails:
        builder = builder.add_extension(x509.SubjectAlternativeName(emails), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(usage_of(key_usage), critical=True)
    signer = issuer.key if issuer else private_key
    certificate = builder.sign(signer, hashes.SHA256())
    above = (issuer.certificate, *issuer.intermediates) if issuer else ()
    return Identity(certificate, private_key, email, above)


@functools.cache
def make_ca(name: str = "Demo CA", *, issuer: Identity | None = None) -> Identity:
    """Make a certificate authority that can issue identities."""
    return make_identity(name, None, "p256", issuer=issuer, ca=True, key_usage="key_cert_sign")


def expired_identity(key: str = "p256", email: str | None = "late.tester@example.org") -> Identity:
    """Make an identity whose certificate ended in 2020."""
    return make_identity("Late Tester", email, key, not_after=datetime(2020, 1, 1, tzinfo=UTC))


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Demo Project"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def usage_of(allowed: str) -> x509.KeyUsage:
    """A KeyUsage that allows one thing, in cryptography's spelling."""
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name == allowed for name in names})


def _encryption(password: str | None):
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()


def _small_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key below the size that the library generates."""
    exponent = 65537
    p, q = _prime(bits // 2, exponent), _prime(bits // 2, exponent)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _prime(bits: int, exponent: int) -> int:
    """Find a number that is prime for all that a test needs: eight Fermat bases agree."""
    while True:
        candidate = secrets.randbits(bits) | (3 << (bits - 2)) | 1
        if candidate % exponent != 1 and all(
            pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7, 11, 13, 17, 19)
        ):
            return candidate
