"""The demo's endorsers: keys and certificates made when the catalogue is first loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from validators.signing import SigningIdentity

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class DemoEndorser:
    """Who signs in the demo.

    Args:
        email: as entries say it.
        bound: the certificate holds the address; otherwise it is only claimed.
        issued: the certificate is the demo CA's; otherwise self-signed.
        begins, ends: validity of the certificate, in days from the loading of the catalogue.
    """

    handle: str
    name: str
    email: str
    key: str = "p256"
    bound: bool = True
    issued: bool = False
    begins: int = -3650
    ends: int = 3650


ENDORSERS = (
    DemoEndorser("alice", "Alice Archer", "alice.archer@images.example.org", issued=True),
    DemoEndorser("bob", "Bob Baker", "bob.baker@grid.example.org", key="rsa"),
    DemoEndorser("carol", "Carol Castro", "carol.castro@bio.example.org", key="p384", issued=True),
    DemoEndorser("dave", "Dave Dubois", "dave.dubois@cloud.example.org", bound=False),
    DemoEndorser("erin", "Erin Eriksson", "erin.eriksson@physics.example.org", issued=True, ends=-500),
)


def make_identities(now: datetime) -> tuple[x509.Certificate, dict[str, SigningIdentity]]:
    """Make the demo's authority, and a signing identity for every endorser, by handle."""
    start, end = now - timedelta(days=7300), now + timedelta(days=7300)
    authority_key = _make_key("p384")
    authority_name = _name("Demo Certificate Authority")
    authority = (
        _builder(authority_name, authority_name, authority_key, start, end)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .sign(authority_key, hashes.SHA384())
    )
    identities = {}
    for endorser in ENDORSERS:
        key = _make_key(endorser.key)
        name = _name(endorser.name)
        begins, ends = (now + timedelta(days=days) for days in (endorser.begins, endorser.ends))
        issuer, issuer_key = (authority_name, authority_key) if endorser.issued else (name, key)
        builder = _builder(name, issuer, key, begins, ends).add_extension(
            x509.BasicConstraints(False, None), critical=True
        )
        if endorser.bound:
            names = x509.SubjectAlternativeName([x509.RFC822Name(endorser.email)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(issuer_key, hashes.SHA256())
        identities[endorser.handle] = SigningIdentity.of(
            certificate, key, [authority] if endorser.issued else []
        )
    return authority, identities


def write_identity(directory: Path, handle: str, identity: SigningIdentity) -> None:
    """Write an identity as PEM files, the key readable by its owner only.

    Raises:
        OSError: the directory cannot be written.
    """
    chain = (identity.certificate, *identity.intermediates)
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    (directory / f"{handle}.cert.pem").write_bytes(pem)
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # Created with its final mode: at no moment can others read it.
    handle_number = os.open(directory / f"{handle}.key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle_number, "wb") as file:
        file.write(key)


def _make_key(kind: str) -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Marketplace Demo"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
