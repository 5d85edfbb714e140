"""Certificates of issuers that did not issue them, may not, or rest on keys that anybody can break."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.certificates import RSA_PSS_SHA256, certificate, emails, signer, spki
from tests.attacks.distrust.forging import (
    EMAIL,
    Cast,
    Deceit,
    Distrusted,
    altered,
    crl,
    der,
    shown,
    with_beside,
)
from tests.factories.identities import NOT_AFTER, NOT_BEFORE, Identity, usage_of

KIND = "forged issuers"
WEAK = "weak authorities"
NO_AUTHORITY = "issuers that are not an authority"


def _attackers_key(cast: Cast) -> Deceit:
    root = cast.root()
    thief = cast.root("Thief")
    leaf = cast.issue(thief, issuer_name=root.certificate.subject)
    return Deceit(cast.entry(with_beside(leaf, root)), [der(root)])


def _same_name(cast: Cast) -> Deceit:
    root, fake = cast.root(), cast.root()
    return Deceit(cast.entry(cast.issue(fake)), [der(root)])


def _same_key_identifier(cast: Cast) -> Deceit:
    root = cast.root()
    claimed = x509.SubjectKeyIdentifier.from_public_key(root.certificate.public_key())
    fake = cast.root()
    name = root.certificate.subject
    fake = cast.issue(fake, ca=True, subject=name, own=fake, extensions=[(claimed, False)])
    fake = with_beside(fake)
    points = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(claimed)
    return Deceit(cast.entry(cast.issue(fake, extensions=[(points, False)])), [der(root)])


def _key_put_in(cast: Cast) -> Deceit:
    root, thief = cast.root(), cast.root("Thief")
    point = spki(root.key)[-64:]
    fake = altered(root, point, spki(thief.key)[-64:])
    leaf = cast.issue(Identity(fake.certificate, thief.key, None))
    return Deceit(cast.entry(leaf), [der(root)])


def _folded_name(cast: Cast) -> Deceit:
    root = cast.root("Trust Root")
    fake = cast.root("TRUST  root")
    return Deceit(cast.entry(cast.issue(fake)), [der(root)])


def _homoglyph(cast: Cast) -> Deceit:
    root, fake = cast.root("Trust Root"), cast.root("Trust Rооt")
    return Deceit(cast.entry(cast.issue(fake)), [der(root)])


def _named_like_the_authority(cast: Cast) -> Deceit:
    root = cast.root()
    fake = cast.root(ca=False, key_usage="digital_signature")
    return Deceit(cast.entry(fake), [der(root)])


def _listed_name(cast: Cast) -> Deceit:
    root = cast.root()
    fake = cast.root("Listed", ca=False, key_usage="digital_signature")
    lines = [f"cn=Listed, o={cast.about}, c=EU"]
    return Deceit(cast.entry(fake), [der(root)], allowed=lines)


def _longer_life(cast: Cast) -> Deceit:
    root = cast.root()
    leaf = altered(cast.issue(root), b"20900101000000Z", b"21900101000000Z")
    return Deceit(cast.entry(leaf), [der(root)])


def _other_address(cast: Cast) -> Deceit:
    root = cast.root()
    leaf = altered(cast.issue(root, email="thief@example.org"), b"thief@", b"admin@")
    return Deceit(cast.entry(leaf), [der(root)])


def _other_serial(cast: Cast) -> Deceit:
    """Revoked by its serial number, which the holder of the certificate changes."""
    root = cast.root()
    leaf = cast.issue(root)
    serial = leaf.certificate.serial_number.to_bytes(20, "big").lstrip(b"\0")
    other = serial[:-1] + bytes([serial[-1] ^ 1])
    return Deceit(cast.entry(altered(leaf, serial, other)), [der(root)], lists=[crl(root, leaf)])


def _broken_signature(cast: Cast) -> Deceit:
    root = cast.root()
    leaf = cast.issue(root)
    value = leaf.certificate.signature
    return Deceit(cast.entry(altered(leaf, value[-8:], value[-8:-1] + bytes([value[-1] ^ 1]))), [der(root)])


def _altered_pin(cast: Cast) -> Deceit:
    leaf = cast.issue(cast.root())
    other = altered(leaf, b"20900101000000Z", b"21900101000000Z")
    return Deceit(cast.entry(with_beside(other)), [der(leaf)])


def _twin_of_a_pin(cast: Cast) -> Deceit:
    plain = {"ca": False, "key_usage": "digital_signature"}
    pinned, twin = cast.root("Jane", **plain), cast.root("Jane", **plain)
    return Deceit(cast.entry(twin), [der(pinned)])


def _only_an_intermediate(cast: Cast) -> Deceit:
    root = cast.root()
    middle = cast.authority(root)
    leaf = with_beside(cast.issue(middle))
    return Deceit(cast.entry(leaf), [der(cast.root("Other"))], [der(middle)])


def _private_root(cast: Cast) -> Deceit:
    """The whole chain to the attacker's own root stands beside the signature."""
    own = cast.root("Own")
    return Deceit(cast.entry(cast.issue(cast.authority(own))), [der(cast.root())])


def _signed_with_pss_by_nobody(cast: Cast) -> Deceit:
    root, thief = cast.root(key="rsa2048"), cast.root("Thief")
    made = certificate(
        lambda inner: b"\x01" * 256,
        spki(thief.key),
        algorithm=RSA_PSS_SHA256,
        issuer=root.certificate.subject.public_bytes(),
        subject=cast.name("Leaf").public_bytes(),
        extensions=[emails(EMAIL.encode())],
    )
    return Deceit(cast.entry(shown(made, thief.key, [root])), [der(root)])


def _below(role: str, **how: object):
    """A leaf whose issuer, below an honest root, is made so."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        return Deceit(cast.entry(cast.issue(cast.issue(root, role, **how))), [der(root)])

    return build


def _below_a_pin(cast: Cast) -> Deceit:
    pinned = cast.issue(cast.root(), "Endorser")
    return Deceit(cast.entry(with_beside(cast.issue(pinned), pinned)), [der(pinned)])


def _usage(name: str) -> tuple[x509.ExtensionType, bool]:
    return usage_of(name), True


def _version_1(cast: Cast) -> Deceit:
    root = cast.root()
    old = cast.root("Old")
    made = certificate(
        signer(root.key),
        spki(old.key),
        issuer=root.certificate.subject.public_bytes(),
        subject=cast.name("Old").public_bytes(),
        version=b"",
    )
    issuer = shown(made, old.key, [root])
    return Deceit(cast.entry(cast.issue(issuer)), [der(root)])


def _version_1_anchor(cast: Cast) -> Deceit:
    old = cast.root("Old")
    name = cast.name("Old").public_bytes()
    made = certificate(signer(old.key), spki(old.key), subject=name, version=b"")
    return Deceit(cast.entry(cast.issue(shown(made, old.key))), [made])


def _weak(key: str):
    def build(cast: Cast) -> Deceit:
        root = cast.root(key=key)
        return Deceit(cast.entry(cast.issue(root)), [der(root)])

    return build


def _weak_between(key: str):
    def build(cast: Cast) -> Deceit:
        root = cast.root()
        return Deceit(cast.entry(cast.issue(cast.authority(root, key=key))), [der(root)])

    return build


def _weak_signer(cast: Cast) -> Deceit:
    root = cast.root()
    return Deceit(cast.entry(cast.issue(root, key="rsa1024")), [der(root)])


def _weak_pin(cast: Cast) -> Deceit:
    weak = cast.root("Jane", key="rsa1024", ca=False, key_usage="digital_signature")
    return Deceit(cast.entry(weak), [der(weak)])


def _weak_hash(last: str, digest: hashes.HashAlgorithm):
    """The authority's signature under the certificate, with a hash that has collisions."""

    def build(cast: Cast) -> Deceit:
        root, holder = cast.root(key="rsa2048"), cast.root("Holder")
        made = certificate(
            lambda inner: root.key.sign(inner, padding.PKCS1v15(), digest),
            spki(holder.key),
            algorithm=bytes.fromhex(f"300d06092a864886f70d0101{last}0500"),
            issuer=root.certificate.subject.public_bytes(),
            subject=cast.name("Leaf").public_bytes(),
            extensions=[emails(EMAIL.encode())],
        )
        return Deceit(cast.entry(shown(made, holder.key, [root])), [der(root)])

    return build


def _edwards(cast: Cast) -> Deceit:
    key = ed25519.Ed25519PrivateKey.generate()
    name = cast.name("Root")
    basic = x509.BasicConstraints(True, None)
    root = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, NOT_BEFORE, NOT_AFTER)
        .add_extension(basic, True)
        .sign(key, None)
    )
    holder = cast.root("Holder")
    leaf = (
        x509.CertificateBuilder(
            name, cast.name("Leaf"), holder.certificate.public_key(), 8, NOT_BEFORE, NOT_AFTER
        )
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(EMAIL)]), False)
        .sign(key, None)
    )
    return Deceit(cast.entry(Identity(leaf, holder.key, EMAIL, (root,))), [root.public_bytes(Encoding.DER)])


def _forged(name: str, because: str, build, standing: str = "untrusted-issuer") -> Distrusted:
    return Distrusted(KIND, name, standing, "chain", because, build)


def _unfit(name: str, because: str, build) -> Distrusted:
    return Distrusted(NO_AUTHORITY, name, "untrusted-issuer", "chain", because, build)


def _breakable(name: str, because: str, build) -> Distrusted:
    return Distrusted(WEAK, name, "untrusted-issuer", "chain", because, build)


_KEY = "has a key that the site's policy does not accept"
_HASH = "was signed with a hash"
_MD5, _SHA1 = hashes.MD5(), hashes.SHA1()  # noqa: S303  # what the attacks are about

ATTACKS = [
    _forged("an authority's name and the attacker's key", "did not sign", _attackers_key),
    _forged("an authority of the same name beside", "did not sign", _same_name),
    _forged("the same name and key identifier", "did not sign", _same_key_identifier),
    _forged("the attacker's key in the authority's certificate", "did not sign", _key_put_in),
    _forged("the authority's name in other letters", "did not sign", _folded_name),
    _forged("the authority's name in look-alike letters", "is self-signed and is not an anchor", _homoglyph),
    _forged(
        "a self-signed certificate of the authority's name",
        "self-signed",
        _named_like_the_authority,
        "self-signed",
    ),
    _forged("a self-signed certificate of a listed name", "self-signed", _listed_name, "self-signed"),
    _forged("a life prolonged by its holder", "did not sign", _longer_life),
    _forged("an address changed by its holder", "did not sign", _other_address),
    _forged("a revoked serial number changed by its holder", "did not sign", _other_serial),
    _forged("a bit of the authority's signature changed", "did not sign", _broken_signature),
    _forged("a pinned certificate that was altered", "is not known", _altered_pin),
    _forged("a twin of a pinned certificate", "self-signed", _twin_of_a_pin, "self-signed"),
    _forged("an intermediate without its root", "is not known", _only_an_intermediate),
    _forged("a chain to a root of the attacker's own", "is self-signed and is not an anchor", _private_root),
    _forged("a signature of noughts and ones with PSS", "did not sign", _signed_with_pss_by_nobody),
    _unfit("an endorser as issuer", "is not a CA certificate", _below("Endorser")),
    _unfit("a pinned endorser as issuer", "is not a CA certificate", _below_a_pin),
    _unfit("no basic constraints", "is not a CA certificate", _below("Old", ca=None)),
    _unfit("a version 1 certificate as issuer", "is not a CA certificate", _version_1),
    _unfit("a version 1 certificate as anchor", "is not a CA certificate", _version_1_anchor),
    *(
        _unfit(
            f"an authority for {usage}",
            "may not sign certificates",
            _below("Limited", ca=True, extensions=[_usage(usage)]),
        )
        for usage in ("crl_sign", "digital_signature", "key_encipherment", "key_agreement")
    ),
    *(
        _breakable(f"an anchor of {key}", _KEY, _weak(key))
        for key in ("rsa512", "rsa1024", "p192", "dsa1024", "dsa2048")
    ),
    *(
        _breakable(f"an intermediate of {key}", _KEY, _weak_between(key))
        for key in ("rsa512", "rsa1024", "p192")
    ),
    _breakable("a chained signer of rsa1024", _KEY, _weak_signer),
    Distrusted(WEAK, "a pinned signer of rsa1024", "self-signed", "chain", "is self-signed", _weak_pin),
    _breakable("an Edwards key as anchor", _KEY, _edwards),
    _breakable("MD5 under the certificate", _HASH, _weak_hash("04", _MD5)),
    _breakable("SHA-1 under the certificate", _HASH, _weak_hash("05", _SHA1)),
]
