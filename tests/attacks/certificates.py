"""Certificates that no library would issue, written in DER byte by byte and really signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.factories.identities import Identity, make_identity

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
RSA_SHA1 = bytes.fromhex("300d06092a864886f70d0101050500")
RSA_PSS_SHA256 = bytes.fromhex(
    "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
)
RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
#: id-RSASSA-PSS without parameters: a key for such signatures alone (RFC 4055, section 1.2).
RSA_PSS_KEY = bytes.fromhex("300b06092a864886f70d01010a")
EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
KEY_USAGE = bytes.fromhex("0603551d0f")
ALTERNATIVE_NAME = bytes.fromhex("0603551d11")

#: 2010-01-01 to 2090-01-01.
VALIDITY = bytes.fromhex("30") + b"\x20" + b"\x17\x0d100101000000Z" + b"\x18\x0f20900101000000Z"

Signer = Callable[[bytes], bytes]


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER element."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*contents: bytes) -> bytes:
    """A DER SEQUENCE."""
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    """A DER INTEGER that is not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(content: bytes) -> bytes:
    """A DER BIT STRING of whole bytes."""
    return tlv(0x03, b"\0", content)


def extension(oid: bytes, value: bytes, critical: bool = False) -> bytes:
    """An extension of a certificate."""
    return sequence(oid, b"\x01\x01\xff" if critical else b"", tlv(0x04, value))


def emails(*addresses: bytes) -> bytes:
    """A SubjectAlternativeName with addresses of any bytes."""
    return extension(ALTERNATIVE_NAME, sequence(*(tlv(0x81, address) for address in addresses)))


def rsa_key(modulus: int, exponent: int) -> bytes:
    """A SubjectPublicKeyInfo of any two numbers."""
    return sequence(RSA_ENCRYPTION, bit_string(sequence(integer(modulus), integer(exponent))))


def dsa_key(p: int, q: int, g: int, y: int) -> bytes:
    """A SubjectPublicKeyInfo of any four numbers."""
    algorithm = sequence(bytes.fromhex("06072a8648ce380401"), sequence(integer(p), integer(q), integer(g)))
    return sequence(algorithm, bit_string(integer(y)))


def own_name() -> bytes:
    """The name of the identity whose entries are forged, in DER."""
    return make_identity().certificate.subject.public_bytes()


def certificate(
    sign: Signer,
    public_key: bytes,
    *,
    algorithm: bytes = ECDSA_SHA256,
    outer: bytes | None = None,
    issuer: bytes | None = None,
    subject: bytes | None = None,
    validity: bytes = VALIDITY,
    serial: bytes = b"\x02\x01\x01",
    version: bytes = b"\xa0\x03\x02\x01\x02",
    extensions: Sequence[bytes] = (),
) -> bytes:
    """Write a certificate from its parts, each in DER.

    Args:
        sign: the issuer's signature over the inner part.
        public_key: a SubjectPublicKeyInfo.
        algorithm: the signature's, inside; ``outer`` where the one outside differs.
        issuer: of the certificate; the subject where absent.
    """
    name = own_name() if subject is None else subject
    parts = [version, serial, algorithm, name if issuer is None else issuer, validity, name, public_key]
    if extensions:
        parts.append(tlv(0xA3, sequence(*extensions)))
    inner = sequence(*parts)
    return sequence(inner, outer or algorithm, bit_string(sign(inner)))


def revocation_list(issuer: Identity, *serials: bytes) -> bytes:
    """A revocation list of these serial numbers, each in DER, in date for long."""
    since, until = b"\x17\x0d240101000000Z", b"\x18\x0f20900101000000Z"
    rows = [sequence(serial, since) for serial in serials]
    issuer_name = issuer.certificate.subject.public_bytes()
    inner = sequence(integer(1), ECDSA_SHA256, issuer_name, since, until, sequence(*rows))
    return sequence(inner, ECDSA_SHA256, bit_string(signer(issuer.key)(inner)))


def spki(key: object) -> bytes:
    """The SubjectPublicKeyInfo of a private key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signer(key: object) -> Signer:
    """Signs certificates with a private key and SHA-256."""
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, dsa.DSAPrivateKey):
        return lambda data: key.sign(data, hashes.SHA256())
    raise TypeError(f"no way to sign with {type(key).__name__}")


def own(**parts: object) -> bytes:
    """A self-signed certificate of the forged identity's own key and name, with other parts."""
    key = make_identity().key
    return certificate(signer(key), parts.pop("public_key", spki(key)), **parts)
