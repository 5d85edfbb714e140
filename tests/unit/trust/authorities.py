"""Certificates and revocation lists that break one rule each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from tests.factories.identities import Identity, make_identity
from validators.links import Link, parse_link
from validators.material import TrustMaterial, TrustPolicy
from validators.revocation import RevocationList, parse_list
from validators.verdict import CertificateVerdict, judge_certificate

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)


def link(identity: Identity) -> Link:
    return parse_link(der(identity))


def material(
    *anchors: Identity, intermediates=(), lists=(), gaps=(), allowed=None, **policy
) -> TrustMaterial:
    more = {} if allowed is None else {"allowed": allowed}
    return TrustMaterial(
        tuple(map(link, anchors)),
        tuple(map(link, intermediates)),
        tuple(lists),
        policy=TrustPolicy(**policy),
        gaps=tuple(gaps),
        **more,
    )


def judged(identity: Identity, trusted: TrustMaterial, *, beside=None, at=None) -> CertificateVerdict:
    others = [der_of(one) for one in identity.intermediates] if beside is None else beside
    return judge_certificate(der(identity), others, trusted, NOW, at)


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def crl_bytes(
    issuer: Identity,
    *revoked: Identity,
    since: datetime = NOW - 2 * DAY,
    this_update: datetime = NOW - DAY,
    next_update: datetime = NOW + 30 * DAY,
    extensions=(),
    row_extensions=(),
    key: object = None,
    digest=None,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for one in revoked:
        row = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(since)
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False)
        )
        for extension, critical in row_extensions:
            row = row.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(row.build())
    return builder.sign(key or issuer.key, digest or hashes.SHA256()).public_bytes(Encoding.DER)


def revocations(issuer: Identity, *revoked: Identity, **how) -> RevocationList:
    return parse_list(crl_bytes(issuer, *revoked, **how))


def issue(
    issuer: Identity,
    name: str,
    *,
    ca: bool = False,
    path_length: int | None = None,
    extensions=(),
    key: str = "p256",
    digest=None,
    email: str | None = None,
    usage: bool = True,
) -> Identity:
    """A certificate with whatever extensions the test is about."""
    own = make_identity(name, None, key, ca=ca, variant=hash((name, ca, path_length, email)) % 10**6)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(own.certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2010, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca, path_length), True)
    )
    if email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(issuer.key, digest or hashes.SHA256())
    return Identity(certificate, own.key, email, (issuer.certificate, *issuer.intermediates))


def sha1_signed(identity: Identity, issuer: Identity) -> Identity:
    """The same certificate signed with RSA and SHA-1, which the library does not make any more."""
    strong, weak = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    whole, old = der(identity).replace(strong, weak), identity.certificate
    signed = old.tbs_certificate_bytes.replace(strong, weak)
    signature = issuer.key.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # as old ones are
    made = x509.load_der_x509_certificate(whole.replace(old.signature, signature))
    return Identity(made, identity.key, identity.email, identity.intermediates)


def root(name: str = "Trust Root") -> Identity:
    return make_identity(name, None, "p256", ca=True, key_usage=None)
