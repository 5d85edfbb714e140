"""Certificate names as text, in the spelling that existing signers and marketplaces compare.

That spelling is RFC 2253 as Java's ``X500Principal.getName()`` writes it
(FORMAT, step 5). It is not ``rfc4514_string()``: attribute types without a
keyword appear as ``OID=#hex`` of the DER value, and more characters are escaped.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

_KEYWORDS = {
    NameOID.COMMON_NAME: "CN",
    NameOID.COUNTRY_NAME: "C",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
}

# UTF8String, PrintableString, T61String, IA5String, GeneralString, UniversalString, BMPString:
# the types Java regards as text. It reads the bytes of every one of them as UTF-8.
_TEXT_TAGS = frozenset({0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1C, 0x1E})
_ESCAPED = frozenset(',=+<>#;"\\')
_PADDING = " \r"


def java_name(name: x509.Name) -> str:
    """Write a certificate name as ``X500Principal.getName()`` does: most specific part first."""
    return ",".join("+".join(_attribute(attribute) for attribute in rdn) for rdn in reversed(name.rdns))


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> str:
    der = _value_der(attribute)
    keyword = _KEYWORDS.get(attribute.oid)
    if keyword is None or der[0] not in _TEXT_TAGS:
        return f"{keyword or attribute.oid.dotted_string}=#{der.hex()}"
    return f"{keyword}={_escape(_content(der).decode('utf-8', 'replace'))}"


def _escape(text: str) -> str:
    escaped = ["\\" + c if c in _ESCAPED else "\\00" if c == "\0" else c for c in text]
    start = next((i for i, c in enumerate(escaped) if c not in _PADDING), len(escaped))
    end = next((i for i in range(len(escaped), start, -1) if escaped[i - 1] not in _PADDING), start)
    return "".join(c if start <= i < end else "\\" + c for i, c in enumerate(escaped))


def _value_der(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    # cryptography gives no access to the encoded value, but a name of this one attribute
    # is SEQUENCE { SET { SEQUENCE { OBJECT IDENTIFIER, value } } }.
    name = x509.Name([x509.RelativeDistinguishedName([attribute])]).public_bytes()
    type_and_value = _content(_content(_content(name)))
    _, type_end = _content_span(type_and_value)
    return type_and_value[type_end:]


def _content(der: bytes) -> bytes:
    start, end = _content_span(der)
    return der[start:end]


def _content_span(der: bytes) -> tuple[int, int]:
    first = der[1]
    if first < 0x80:
        return 2, 2 + first
    start = 2 + (first & 0x7F)
    return start, start + int.from_bytes(der[2:start], "big")
