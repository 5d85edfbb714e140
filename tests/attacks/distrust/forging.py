"""How entries are made that acceptance takes and that a site must not trust, and what that site trusts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.factories.documents import image, signed
from tests.factories.identities import NOT_AFTER, NOT_BEFORE, Identity, make_identity
from tests.unit.trust.authorities import crl_bytes

CREATED = "2024-05-01T12:00:00Z"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
EMAIL = "leaf@example.org"


@dataclass(frozen=True)
class Deceit:
    """An entry, and what the site has that is asked to trust it.

    Args:
        document: an entry that acceptance takes.
        anchors, intermediates, lists: DER files of the site.
        allowed: lines of its allow-list.
    """

    document: bytes
    anchors: Sequence[bytes] = ()
    intermediates: Sequence[bytes] = ()
    lists: Sequence[bytes] = ()
    allowed: Sequence[str] = ()


@dataclass(frozen=True)
class Distrusted:
    """An entry whose verdict must be no.

    Args:
        kind: the class that docs/attacks.md counts it under.
        name: what is tried, unique.
        standing: of the certificate.
        rule: the one that fails.
        because: words of the reason that the rule gives.
        build: makes it, of certificates that are named after the attack.
        strict: it belongs to the site that trusts no issuer without a revocation list and that
            has lists which cannot be used.
    """

    kind: str
    name: str
    standing: str
    rule: str
    because: str
    build: Callable[[Cast], Deceit]
    strict: bool = False

    def make(self) -> Deceit:
        """The entry and its site."""
        return self.build(Cast(self.name))


@dataclass
class Cast:
    """The certificates of one attack; no two attacks share a name of an authority."""

    about: str
    made: int = field(default=0)

    def name(self, role: str) -> x509.Name:
        """The name of somebody in this attack."""
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.about[:64]),
                x509.NameAttribute(NameOID.COMMON_NAME, role),
            ]
        )

    def root(self, role: str = "Root", key: str = "p256", **how: object) -> Identity:
        """A self-signed authority; the same role again has another key."""
        self.made += 1
        options = {"ca": True, "key_usage": None, "subject": self.name(role), **how}
        return make_identity(self.about, None, key, variant=self.made, **options)

    def issue(
        self,
        issuer: Identity,
        role: str = "Leaf",
        *,
        ca: bool | None = False,
        path_length: int | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        key: str = "p256",
        email: str | None = EMAIL,
        subject: x509.Name | None = None,
        issuer_name: x509.Name | None = None,
        signed_by: object = None,
        not_before: datetime = NOT_BEFORE,
        not_after: datetime = NOT_AFTER,
        own: Identity | None = None,
    ) -> Identity:
        """A certificate that another issues.

        Args:
            ca: of BasicConstraints; None leaves it out.
            issuer_name: in place of the issuer's own; ``signed_by``: a key in place of the issuer's.
            own: whose key the certificate is for; a new one where absent.
        """
        self.made += 1
        holder = own or make_identity(self.about, None, key, variant=1000 + self.made)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or self.name(role))
            .issuer_name(issuer_name or issuer.certificate.subject)
            .public_key(holder.certificate.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
        address = None if ca else email
        if address:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(signed_by or issuer.key, hashes.SHA256())
        return Identity(certificate, holder.key, address, (issuer.certificate, *issuer.intermediates))

    def authority(self, issuer: Identity, role: str = "Middle", **how: object) -> Identity:
        """An authority below another."""
        return self.issue(issuer, role, ca=True, **how)

    def entry(self, identity: Identity, created: str = CREATED) -> bytes:
        """An entry of this attack."""
        claimed = None if identity.email else EMAIL
        return signed(image(content=self.about), identity, created=created, email=claimed)


def der(identity: Identity) -> bytes:
    """The certificate's bytes."""
    return identity.certificate.public_bytes(Encoding.DER)


def crl(issuer: Identity, *revoked: Identity, **how: object) -> bytes:
    """A revocation list (DER) that is in date now, unless told otherwise."""
    times = {"since": NOW - 2 * DAY, "this_update": NOW - DAY, "next_update": NOW + 30 * DAY}
    return crl_bytes(issuer, *revoked, **times | how)


def altered(identity: Identity, old: bytes, new: bytes) -> Identity:
    """The certificate with bytes changed after it was made."""
    whole = der(identity)
    assert whole.count(old) >= 1, "what should be altered is not there"
    certificate = x509.load_der_x509_certificate(whole.replace(old, new))
    return Identity(certificate, identity.key, _first_address(certificate), identity.intermediates)


def shown(certificate: bytes, key: object, beside: Sequence[Identity] = ()) -> Identity:
    """Somebody whose certificate was written by hand."""
    parsed = x509.load_der_x509_certificate(certificate)
    return Identity(parsed, key, _first_address(parsed), tuple(one.certificate for one in beside))


def with_beside(identity: Identity, *beside: Identity) -> Identity:
    """The same signer with other certificates beside the signature."""
    return Identity(
        identity.certificate, identity.key, identity.email, tuple(one.certificate for one in beside)
    )


def _first_address(certificate: x509.Certificate) -> str | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    addresses = names.get_values_for_type(x509.RFC822Name)
    return addresses[0] if addresses else None


def install(deceits: Sequence[Deceit], folder: Path) -> dict[str, str]:
    """Write everything that sites of these trust into files; returns the settings that name them."""
    settings = {}
    kinds = {"anchors": "pem", "intermediates": "pem", "lists": "crl"}
    for kind, ending in kinds.items():
        place = folder / kind
        place.mkdir()
        found = dict.fromkeys(one for deceit in deceits for one in getattr(deceit, kind))
        for number, data in enumerate(found):
            (place / f"{number:04}.{ending}").write_bytes(data)
        if found:
            settings["trust_crls" if kind == "lists" else f"trust_{kind}"] = str(place)
    allowed = [line for deceit in deceits for line in deceit.allowed]
    if allowed:
        (folder / "allowed.txt").write_text("\n".join(allowed) + "\n")
        settings["trust_allowlist"] = str(folder / "allowed.txt")
    return settings
