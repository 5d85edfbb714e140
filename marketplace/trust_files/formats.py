"""The forms in which operators keep certificates and revocation lists: PEM, DER, PKCS #12."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64

from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from validators.links import Link, MaterialError, parse_link
from validators.revocation import RevocationList, parse_list

_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>(?:X509 )?(?:CERTIFICATE|CRL))-----"
    rb"(?P<body>.*?)-----END (?P=label)-----",
    re.DOTALL,
)
_PKCS12_NAMES = (".p12", ".pfx")
#: How a Java truststore (JKS) begins.
JAVA_STORE = b"\xfe\xed\xfe\xed"


def parse_certificates(data: bytes, name: str, password: bytes | None = None) -> list[Link]:
    """Every certificate of a file.

    Args:
        name: the file's; its ending tells PKCS #12 from the rest.
        password: of a PKCS #12 file.

    Raises:
        MaterialError: there is none, or one of them cannot be read.
    """
    if data.startswith(JAVA_STORE):
        raise MaterialError("is a Java truststore: `marketplace trust import-jks` turns it into PEM")
    if name.lower().endswith(_PKCS12_NAMES):
        ders = _unpack(data, password)
    elif data[:1] == b"0":
        ders = [data]
    else:
        ders = _blocks(data, "CERTIFICATE")
    if not ders:
        raise MaterialError("holds no certificate")
    return [parse_link(der) for der in ders]


def parse_lists(data: bytes) -> list[RevocationList]:
    """Every revocation list of a file.

    Raises:
        MaterialError: there is none, or one of them cannot be read.
    """
    ders = [data] if data[:1] == b"0" else _blocks(data, "CRL")
    if not ders:
        raise MaterialError("holds no revocation list")
    return [parse_list(der) for der in ders]


def _blocks(data: bytes, kind: str) -> list[bytes]:
    ders = []
    begun = len(re.findall(rb"-----BEGIN [A-Z0-9 ]*" + kind.encode() + rb"-----", data))
    for block in _BLOCK.finditer(data):
        if block["label"].endswith(kind.encode()):
            try:
                ders.append(a2b_base64(b"".join(block["body"].split()), strict_mode=True))
            except Base64Error:
                raise MaterialError("has a PEM block that is not base64") from None
    if len(ders) != begun:
        raise MaterialError("holds a PEM block that does not end")
    return ders


def _unpack(data: bytes, password: bytes | None) -> list[bytes]:
    try:
        unpacked = pkcs12.load_pkcs12(data, password)
    except (ValueError, TypeError) as error:
        raise MaterialError(
            f"cannot be opened as PKCS #12: wrong password or no such file ({error})"
        ) from None
    found = [one.certificate for one in unpacked.additional_certs]
    if unpacked.cert is not None:
        found.insert(0, unpacked.cert.certificate)
    return [certificate.public_bytes(Encoding.DER) for certificate in found]
