"""Signers' certificates that may not sign, were altered, or are made to break who reads them."""

from __future__ import annotations

import functools
import secrets

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.certificates import (
    ALTERNATIVE_NAME,
    BASIC_CONSTRAINTS,
    EC_PUBLIC_KEY,
    KEY_USAGE,
    RSA_PSS_KEY,
    RSA_SHA1,
    RSA_SHA256,
    bit_string,
    certificate,
    dsa_key,
    emails,
    extension,
    integer,
    own,
    rsa_key,
    sequence,
    signer,
    spki,
    tlv,
)
from tests.attacks.forging import Attack, Build, encode, entry, regex, shown_with
from tests.factories.identities import make_ca, make_identity
from validators.der import der_elements

KIND = "certificates"


def _shown(make) -> Build:
    """The certificate that ``make`` returns stands in the entry, which the victim's key signed."""
    return lambda: shown_with([make()])


def _of(**parts: object) -> Build:
    return lambda: shown_with([own(**parts)])


def _by_rsa(public_key, value: int | None = None) -> Build:
    """Another RSA key in a certificate that another authority issued; ``value``: bytes of the signature."""

    def build() -> bytes:
        der = certificate(
            lambda inner: b"\x01" * 256, public_key(), algorithm=RSA_SHA256, issuer=_authority()
        )
        data = shown_with([der], make_identity(key="rsa2048").key, method="rsa-sha256")
        if value is None:
            return data
        spelled = f"<SignatureValue>{encode(bytes([1]) * value)}</SignatureValue>"
        return regex("<SignatureValue>.*</SignatureValue>", spelled)(data.decode()).encode()

    return build


def _pss_key() -> bytes:
    """The key that made the signature, which its certificate keeps for another kind of signatures."""
    _, key = der_elements(spki(make_identity(key="rsa2048").key))
    return sequence(RSA_PSS_KEY, key)


def _by_dsa(change) -> Build:
    """A DSA key of odd numbers, and the signature r = s = 1."""

    def build() -> bytes:
        key = make_identity(key="dsa1024").key
        numbers = key.private_numbers().public_numbers
        group = numbers.parameter_numbers
        der = certificate(
            lambda inner: b"\x01", dsa_key(*change(group.p, group.q, group.g, numbers.y)), issuer=_authority()
        )
        data = shown_with([der], key, method="dsa-sha1", digest="sha1")
        one = bytes(19) + b"\x01"
        return regex(
            "<SignatureValue>.*</SignatureValue>", f"<SignatureValue>{encode(one * 2)}</SignatureValue>"
        )(data.decode()).encode()

    return build


def _authority() -> bytes:
    return make_ca().certificate.subject.public_bytes()


@functools.cache
def _modulus(bits: int) -> int:
    return secrets.randbits(bits) | 1 << (bits - 1) | 1


def _altered(change) -> Build:
    """The victim's certificate, changed after it was made."""
    return lambda: shown_with([change(make_identity().certificate.public_bytes(Encoding.DER))])


def _replaced(old: bytes, new: bytes):
    def change(der: bytes) -> bytes:
        assert old in der
        return der.replace(old, new, 1)

    return change


def _point(point: bytes) -> Build:
    p256 = bytes.fromhex("06082a8648ce3d030107")
    return _of(public_key=sequence(sequence(EC_PUBLIC_KEY, p256), bit_string(point)))


def _explicit_curve() -> bytes:
    """P-256 spelled out with a generator of the attacker's choice: CVE-2020-0601."""
    field = sequence(bytes.fromhex("06072a8648ce3d0101"), integer(2**256 - 2**224 + 2**192 + 2**96 - 1))
    point = spki(make_identity().key)[-65:]
    curve = sequence(tlv(4, bytes(32)), tlv(4, bytes(32)))
    parameters = sequence(integer(1), field, curve, tlv(4, point), integer(2**256 - 1), integer(1))
    return sequence(sequence(EC_PUBLIC_KEY, parameters), bit_string(point))


def _edwards() -> bytes:
    return spki(ed25519.Ed25519PrivateKey.generate())


def _long_form_signature() -> bytes:
    """The certificate's own signature with a length in two bytes where one is enough."""
    key = make_identity().key

    def sign(inner: bytes) -> bytes:
        r, s = decode_dss_signature(signer(key)(inner))
        strict = encode_dss_signature(r, s)
        return b"\x30\x81" + strict[1:]

    return certificate(sign, spki(key))


_CA = extension(BASIC_CONSTRAINTS, bytes.fromhex("30030101ff"), critical=True)
_NO_CA = extension(BASIC_CONSTRAINTS, bytes.fromhex("3000"))
_CERT_SIGN = extension(KEY_USAGE, bytes.fromhex("03020204"))
_UNKNOWN = bytes.fromhex("06042a030405")
_TIMES = {
    "without seconds": b"\x17\x0b1001010000Z\x18\x0f20900101000000Z",
    "general without seconds": b"\x17\x0d100101000000Z\x18\x0d209001010000Z",
    "with a zone": b"\x17\x111001010000000100\x18\x0f20900101000000Z",
    "with a fraction": b"\x17\x0d100101000000Z\x18\x1120900101000000.5Z",
    "of a month that is not there": b"\x17\x0d101301000000Z\x18\x0f20900101000000Z",
    "with a leap second": b"\x17\x0d100101000060Z\x18\x0f20900101000000Z",
    "of the year 0": b"\x18\x0f00000101000000Z\x18\x0f20900101000000Z",
    "of words": b"\x17\x05words\x18\x0f20900101000000Z",
    "left out": b"",
}

ATTACKS = [
    Attack(KIND, "certificate authority", "certificate.ca", lambda: entry(identity=make_ca())),
    Attack(
        KIND,
        "CA flag in a certificate that may sign",
        "certificate.ca",
        lambda: entry(identity=make_identity(ca=True)),
    ),
    Attack(
        KIND,
        "certificate authority below another",
        "certificate.ca",
        lambda: entry(identity=make_ca("Below", issuer=make_ca())),
    ),
    *(
        Attack(
            KIND,
            f"usage {usage}, by an authority",
            "certificate.key-usage",
            lambda usage=usage: entry(identity=make_identity(key_usage=usage, issuer=make_ca())),
        )
        for usage in ("key_encipherment", "key_cert_sign", "crl_sign")
    ),
    *(
        Attack(
            KIND,
            f"usage {usage}",
            "certificate.key-usage",
            lambda usage=usage: entry(identity=make_identity(key_usage=usage)),
        )
        for usage in ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    ),
    Attack(
        KIND,
        "usage of no bits",
        "certificate.key-usage",
        _of(extensions=[extension(KEY_USAGE, b"\x03\x01\0")]),
    ),
    Attack(
        KIND,
        "one bit altered in the certificate's signature",
        "certificate.self-signature",
        _altered(lambda der: der[:-1] + bytes([der[-1] ^ 1])),
    ),
    Attack(
        KIND,
        "unused bits in the certificate's signature",
        "certificate.self-signature",
        lambda: _unused_bits(),
    ),
    Attack(
        KIND,
        "longer life",
        "certificate.self-signature",
        _altered(_replaced(b"20900101000000Z", b"21900101000000Z")),
    ),
    Attack(
        KIND,
        "another serial number",
        "certificate.self-signature",
        _altered(lambda der: der[:20] + bytes([der[20] ^ 1]) + der[21:]),
    ),
    Attack(
        KIND,
        "another address",
        "certificate.self-signature",
        _altered(_replaced(b"jane.tester@", b"joan.tester@")),
    ),
    Attack(
        KIND,
        "usage taken out",
        "certificate.self-signature",
        _altered(_replaced(KEY_USAGE, bytes.fromhex("0603551d77"))),
    ),
    Attack(KIND, "another issuer", "endorser.issuer", lambda: shown_with([own(issuer=_authority())])),
    Attack(KIND, "algorithms inside and outside differ", "certificate.self-signature", _of(outer=RSA_SHA1)),
    Attack(KIND, "signature in another spelling", "certificate.self-signature", _shown(_long_form_signature)),
    Attack(KIND, "version 5", "certificate.malformed", _of(version=b"\xa0\x03\x02\x01\x04")),
    *(
        Attack(KIND, f"times {name}", "certificate.malformed", _of(validity=sequence(times)))
        for name, times in _TIMES.items()
    ),
    Attack(KIND, "an extension twice", "certificate.malformed", _of(extensions=[_NO_CA, _CA])),
    Attack(
        KIND,
        "two usages",
        "certificate.malformed",
        _of(extensions=[_CERT_SIGN, extension(KEY_USAGE, bytes.fromhex("03020780"))]),
    ),
    Attack(
        KIND,
        "CA and no CA at once",
        "certificate.malformed",
        _of(extensions=[extension(BASIC_CONSTRAINTS, bytes.fromhex("30060101000101ff"))]),
    ),
    Attack(
        KIND,
        "usage that is no bits",
        "certificate.malformed",
        _of(extensions=[extension(KEY_USAGE, b"\x04\x01\x80")]),
    ),
    Attack(
        KIND,
        "alternative name that is none",
        "certificate.malformed",
        _of(extensions=[extension(ALTERNATIVE_NAME, b"words")]),
    ),
    Attack(
        KIND,
        "alternative name of an unknown kind",
        "certificate.malformed",
        _of(extensions=[extension(ALTERNATIVE_NAME, sequence(tlv(0x8F, b"x")))]),
    ),
    Attack(
        KIND, "address outside ASCII", "endorser.email", _of(extensions=[emails("jané@example.org".encode())])
    ),
    Attack(
        KIND,
        "address of broken UTF-8",
        "certificate.malformed",
        _of(extensions=[emails(b"jane\xff@example.org")]),
    ),
    Attack(
        KIND,
        "address with NUL",
        "endorser.email",
        _of(extensions=[emails(b"jane.tester@example.org\0.evil.org")]),
    ),
    Attack(
        KIND,
        "address with a display name",
        "endorser.email",
        _of(extensions=[emails(b"Jane <jane.tester@example.org>")]),
    ),
    Attack(
        KIND,
        "9 000 addresses, the right one last",
        "endorser.email",
        _of(extensions=[emails(*[b"a@b"] * 9_000, b"jane.tester@example.org")]),
    ),
    Attack(
        KIND,
        "4 000 unknown extensions",
        "certificate.malformed",
        lambda: shown_with([own(extensions=[extension(_UNKNOWN, b"")] * 4_000)]),
    ),
    Attack(KIND, "no public key", "certificate.malformed", _of(public_key=b"")),
    Attack(
        KIND,
        "key of an unknown kind",
        "certificate.key-type",
        _of(public_key=sequence(sequence(_UNKNOWN), bit_string(b"x"))),
    ),
    Attack(
        KIND, "Edwards key", "certificate.self-signature", lambda: shown_with([own(public_key=_edwards())])
    ),
    Attack(
        KIND,
        "Edwards key that another issued",
        "certificate.key-type",
        lambda: shown_with([own(public_key=_edwards(), issuer=_authority())]),
    ),
    Attack(
        KIND,
        "curve spelled out",
        "certificate.key-type",
        lambda: shown_with([own(public_key=_explicit_curve())]),
    ),
    Attack(KIND, "RSA key for PSS alone", "certificate.key-type", _by_rsa(_pss_key)),
    Attack(KIND, "point at infinity", "certificate.malformed", _point(b"\0")),
    Attack(KIND, "point beside the curve", "certificate.malformed", _point(b"\x04" + b"\x01" * 64)),
    Attack(KIND, "point that is too short", "certificate.malformed", _point(b"\x04" + b"\x01" * 8)),
    Attack(KIND, "RSA exponent 0", "certificate.malformed", _by_rsa(lambda: rsa_key(_modulus(2048), 0))),
    Attack(KIND, "RSA exponent 1", "certificate.malformed", _by_rsa(lambda: rsa_key(_modulus(2048), 1))),
    Attack(
        KIND,
        "RSA exponent as long as the modulus",
        "signature.value",
        _by_rsa(lambda: rsa_key(_modulus(3072), 2**3070 + 1), 384),
    ),
    Attack(
        KIND,
        "RSA exponent longer than OpenSSL takes",
        "signature.value",
        _by_rsa(lambda: rsa_key(_modulus(4096), 2**4090 + 1), 512),
    ),
    Attack(KIND, "RSA modulus 0", "certificate.malformed", _by_rsa(lambda: rsa_key(0, 65537))),
    Attack(
        KIND, "even RSA modulus", "signature.value", _by_rsa(lambda: rsa_key(_modulus(2048) - 1, 65537), 256)
    ),
    Attack(
        KIND,
        "RSA of 16 384 bits",
        "signature.value",
        _by_rsa(lambda: rsa_key(_modulus(16_384), 2**63 + 1), 2048),
    ),
    Attack(
        KIND,
        "RSA of 300 000 bits",
        "signature.value",
        _by_rsa(lambda: rsa_key(_modulus(300_000), 65537), 256),
    ),
    Attack(KIND, "DSA group of one", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, q, 1, 1))),
    Attack(KIND, "DSA generator 0", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, q, 0, y))),
    Attack(KIND, "DSA generator p - 1", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, q, p - 1, y))),
    Attack(KIND, "DSA key 0", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, q, g, 0))),
    Attack(KIND, "DSA order 1", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, 1, g, y))),
    Attack(KIND, "DSA order 0", "certificate.key-type", _by_dsa(lambda p, q, g, y: (p, 0, g, y))),
    Attack(
        KIND,
        "DSA order of 1 000 bits",
        "certificate.key-type",
        _by_dsa(lambda p, q, g, y: (p, 2**999 + 1, g, y)),
    ),
    Attack(
        KIND,
        "DSA of 100 000 bits",
        "certificate.key-type",
        _by_dsa(lambda p, q, g, y: (2**100_000 + 1, q, g, y)),
    ),
    Attack(
        KIND, "DSA of 512 bits", "certificate.key-size", _by_dsa(lambda p, q, g, y: (_modulus(512), q, 2, 3))
    ),
]


def _unused_bits() -> bytes:
    """Signatures that end with a 0 bit can be altered in the count of unused bits."""
    for variant in range(64):
        identity = make_identity(variant=100 + variant)
        der = identity.certificate.public_bytes(Encoding.DER)
        value = identity.certificate.signature
        if value[-1] % 2 == 0:
            place = len(der) - len(value) - 1
            return shown_with([der[:place] + b"\1" + der[place + 1 :]], identity.key)
    raise AssertionError("no signature ended with 0")
