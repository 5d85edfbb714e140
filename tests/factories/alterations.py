"""What others can do to a certificate that an authority issued, without any key."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from tests.factories.identities import Identity
from validators import accept

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def flipped(identity: Identity) -> Identity:
    """A bit of the authority's signature is another: the certificate is worthless, its key the same."""
    der = identity.certificate.public_bytes(Encoding.DER)
    return _instead(identity, der[:-1] + bytes([der[-1] ^ 1]))


def mirrored(identity: Identity) -> Identity:
    """The authority's ECDSA signature (P-256) in its other form, which holds as well."""
    der, old = identity.certificate.public_bytes(Encoding.DER), identity.certificate.signature
    r, s = decode_dss_signature(old)
    new = encode_dss_signature(r, _P256_ORDER - s)
    tbs = identity.certificate.tbs_certificate_bytes
    algorithm = der[der.index(tbs) + len(tbs) : len(der) - len(old) - 3]
    bits = b"\x03" + bytes([len(new) + 1]) + b"\0" + new
    inner = tbs + algorithm + bits
    assert 0x100 <= len(inner) < 0x10000, "the length has two bytes"
    return _instead(identity, b"\x30\x82" + len(inner).to_bytes(2, "big") + inner)


def _instead(identity: Identity, der: bytes) -> Identity:
    certificate = x509.load_der_x509_certificate(der)
    return Identity(certificate, identity.key, identity.email, identity.intermediates)


def ground(identity: Identity, document: Callable[[Identity], bytes]) -> Identity:
    """A worthless certificate of the same key whose entry has a smaller id than the honest one's."""
    honest = accept(document(identity)).entry_id
    der = identity.certificate.public_bytes(Encoding.DER)
    for bits in range(1, 1 << 16):
        tail = (int.from_bytes(der[-2:]) ^ bits).to_bytes(2)
        altered = _instead(identity, der[:-2] + tail)
        if accept(document(altered)).entry_id < honest:
            return altered
    raise AssertionError("unreachable: half of all ids are smaller than an honest one")
