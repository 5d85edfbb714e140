"""Signatures with algorithms that prove nothing, and keys that are too weak or of another kind."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.forging import Attack, edit, encode, entry, regex
from tests.factories.identities import make_identity
from tests.factories.signatures import DSIG, METHODS

KIND = "algorithms and keys"

_HMAC = DSIG + "hmac-sha1"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_NEWER = "http://www.w3.org/2007/05/xmldsig-more#"
_METHODS = {
    "HMAC with SHA-1": _HMAC,
    "HMAC with SHA-256": _MORE + "hmac-sha256",
    "HMAC with MD5": _MORE + "hmac-md5",
    "RSA with MD5": _MORE + "rsa-md5",
    "RSA with RIPEMD-160": _MORE + "rsa-ripemd160",
    "RSA with SHA-224": _MORE + "rsa-sha224",
    "RSA-PSS without parameters": _NEWER + "sha256-rsa-MGF1",
    "RSA-PSS": _NEWER + "rsa-pss",
    "ECDSA with SHA-1": _MORE + "ecdsa-sha1",
    "ECDSA with SHA-224": _MORE + "ecdsa-sha224",
    "DSA with SHA-256": "http://www.w3.org/2009/xmldsig11#dsa-sha256",
    "EdDSA": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
    "no signature algorithm": "",
    "unknown signature algorithm": "urn:unknown",
    "a digest as signature algorithm": DSIG + "sha1",
    "a transform as signature algorithm": DSIG + "enveloped-signature",
    "signature algorithm in capitals": METHODS["ecdsa-sha256"].upper(),
    "signature algorithm with a space": METHODS["ecdsa-sha256"] + " ",
    "signature algorithm with a slash for the number sign": METHODS["ecdsa-sha256"].replace("#", "/"),
    "signature algorithm by TLS": METHODS["ecdsa-sha256"].replace("http:", "https:"),
}
_DIGESTS = {
    "MD5": _MORE + "md5",
    "RIPEMD-160": "http://www.w3.org/2001/04/xmlenc#ripemd160",
    "SHA-224": _MORE + "sha224",
    "SHA-3": _NEWER + "sha3-256",
    "Whirlpool": _NEWER + "whirlpool",
    "nothing": "",
    "CRC": "urn:crc32",
}


def _method(uri: str):
    return lambda: entry(
        signature=regex(r"<SignatureMethod [^>]*/>", f'<SignatureMethod Algorithm="{uri}"/>')
    )


def _digest(uri: str):
    return lambda: entry(reference=regex(r"<DigestMethod [^>]*/>", f'<DigestMethod Algorithm="{uri}"/>'))


def _keyed_with_the_certificate() -> bytes:
    """HMAC whose key is the public certificate: libraries that confuse the two accept it."""
    secret = make_identity().certificate.public_bytes(Encoding.DER)
    value = encode(hmac.new(secret, b"any", hashlib.sha1).digest())
    data = entry(
        signature=regex("<SignatureValue>.*</SignatureValue>", f"<SignatureValue>{value}</SignatureValue>")
    )
    return data.replace(METHODS["ecdsa-sha256"].encode(), _HMAC.encode())


def _by(key: str, method: str, digest: str = "sha256"):
    return lambda: entry(identity=make_identity(key=key), method=method, digest=digest)


def _named(key: str, method: str, named: str):
    """Signed in one way and said to be signed in another."""
    return lambda: entry(
        identity=make_identity(key=key), method=method, signature=edit(METHODS[method], METHODS[named])
    )


ATTACKS = [
    *(Attack(KIND, name, "signature.algorithm", _method(uri)) for name, uri in _METHODS.items()),
    *(
        Attack(KIND, f"digest {name}", "signature.digest-algorithm", _digest(uri))
        for name, uri in _DIGESTS.items()
    ),
    Attack(KIND, "HMAC keyed with the certificate", "signature.algorithm", _keyed_with_the_certificate),
    Attack(
        KIND,
        "HMAC of one bit",
        "signature.child",
        lambda: entry(
            signature=regex(
                r"<SignatureMethod [^>]*/>",
                f'<SignatureMethod Algorithm="{_HMAC}">'
                "<HMACOutputLength>1</HMACOutputLength></SignatureMethod>",
            )
        ),
    ),
    Attack(
        KIND,
        "output length of a public-key signature",
        "signature.child",
        lambda: entry(
            signature=regex(
                r"(<SignatureMethod [^>]*)/>", r"\1><HMACOutputLength>0</HMACOutputLength></SignatureMethod>"
            )
        ),
    ),
    Attack(
        KIND,
        "no Algorithm attribute",
        "signature.algorithm",
        lambda: entry(signature=regex(r"<SignatureMethod [^>]*/>", "<SignatureMethod/>")),
    ),
    Attack(
        KIND,
        "Algorithm in a namespace",
        "signature.attribute",
        lambda: entry(
            signature=edit("<SignatureMethod ", '<SignatureMethod xmlns:x="urn:x" x:Algorithm="y" ')
        ),
    ),
    Attack(
        KIND,
        "unknown canonicalisation of SignedInfo",
        "signature.canonicalization",
        lambda: entry(
            signature=regex(
                r"<CanonicalizationMethod [^>]*/>",
                '<CanonicalizationMethod Algorithm="http://www.w3.org/2010/xml-c14n2"/>',
            )
        ),
    ),
    Attack(
        KIND,
        "minimal canonicalisation of SignedInfo",
        "signature.canonicalization",
        lambda: entry(
            signature=regex(
                r"<CanonicalizationMethod [^>]*/>", f'<CanonicalizationMethod Algorithm="{DSIG}minimal"/>'
            )
        ),
    ),
    Attack(
        KIND,
        "canonicalisation by XSLT",
        "signature.canonicalization",
        lambda: entry(
            signature=regex(
                r"<CanonicalizationMethod [^>]*/>",
                '<CanonicalizationMethod Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>',
            )
        ),
    ),
    Attack(KIND, "RSA of 512 bits", "certificate.key-size", _by("rsa512", "rsa-sha1", "sha1")),
    Attack(KIND, "curve of 192 bits", "certificate.key-type", _by("p192", "ecdsa-sha256")),
    Attack(
        KIND,
        "RSA signature said to be ECDSA",
        "signature.key-mismatch",
        _named("rsa2048", "rsa-sha256", "ecdsa-sha256"),
    ),
    Attack(
        KIND,
        "ECDSA signature said to be RSA",
        "signature.key-mismatch",
        _named("p256", "ecdsa-sha256", "rsa-sha256"),
    ),
    Attack(
        KIND,
        "DSA signature said to be RSA",
        "signature.key-mismatch",
        _named("dsa1024", "dsa-sha1", "rsa-sha1"),
    ),
    Attack(
        KIND,
        "RSA signature said to be DSA",
        "signature.key-mismatch",
        _named("rsa2048", "rsa-sha1", "dsa-sha1"),
    ),
    Attack(
        KIND,
        "SHA-1 signature said to be SHA-256",
        "signature.value",
        _named("rsa2048", "rsa-sha1", "rsa-sha256"),
    ),
    Attack(
        KIND,
        "SHA-256 signature said to be SHA-512",
        "signature.value",
        _named("rsa2048", "rsa-sha256", "rsa-sha512"),
    ),
    Attack(KIND, "RSA signature cut by a byte", "signature.value", lambda: _cut(1)),
    Attack(KIND, "RSA signature cut to half", "signature.value", lambda: _cut(128)),
    Attack(
        KIND,
        "digest cut to a half",
        "signature.digest",
        lambda: entry(
            reference=regex(
                "<DigestValue>.*</DigestValue>", f"<DigestValue>{encode(bytes(16))}</DigestValue>"
            )
        ),
    ),
    Attack(
        KIND,
        "empty digest",
        "signature.digest",
        lambda: entry(reference=regex("<DigestValue>.*</DigestValue>", "<DigestValue/>")),
    ),
]


def _cut(count: int) -> bytes:
    def shorter(text: str) -> str:
        value = base64.b64decode(text.partition("<SignatureValue>")[2].partition("<")[0])
        return regex(
            "<SignatureValue>.*</SignatureValue>",
            f"<SignatureValue>{encode(value[:-count])}</SignatureValue>",
        )(text)

    return entry(identity=make_identity(key="rsa2048"), signature=shorter)
