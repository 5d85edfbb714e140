"""Certificate names as text, in the spelling that existing signers and marketplaces compare.

That spelling is RFC 2253 as Java's ``X500Principal.getName()`` writes it
(FORMAT, step 5). It is not ``rfc4514_string()``: attribute types without a
keyword appear as ``OID=#hex`` of the DER value, and more characters are escaped.
"""

from __future__ import annotations

from cryptography.x509.oid import NameOID

from validators.der import der_content, der_elements, dotted

_KEYWORDS = {
    NameOID.COMMON_NAME.dotted_string: "CN",
    NameOID.COUNTRY_NAME.dotted_string: "C",
    NameOID.LOCALITY_NAME.dotted_string: "L",
    NameOID.STATE_OR_PROVINCE_NAME.dotted_string: "ST",
    NameOID.ORGANIZATION_NAME.dotted_string: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME.dotted_string: "OU",
    NameOID.STREET_ADDRESS.dotted_string: "STREET",
    NameOID.DOMAIN_COMPONENT.dotted_string: "DC",
    NameOID.USER_ID.dotted_string: "UID",
}

# UTF8String, PrintableString, T61String, IA5String, GeneralString, UniversalString, BMPString:
# the types Java regards as text. It reads the bytes of every one of them as UTF-8.
_TEXT_TAGS = frozenset({0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1C, 0x1E})
_ESCAPED = frozenset(',=+<>#;"\\')
_PADDING = " \r"


def java_name_of_der(der: bytes) -> str:
    """Write a DER-encoded name as ``X500Principal.getName()`` does: most specific part first.

    Old certificates hold Latin-1 in types that are not for it. cryptography refuses to
    decode such a name, and Java shows U+FFFD in place of what is no UTF-8.

    Args:
        der: of one RDNSequence.

    Raises:
        ValueError: the bytes are no name.
    """
    rdns = der_elements(der)
    return ",".join("+".join(map(_attribute, der_elements(rdn))) for rdn in reversed(rdns))


def _attribute(type_and_value: bytes) -> str:
    kind, value = der_elements(type_and_value)
    oid = dotted(der_content(kind))
    keyword = _KEYWORDS.get(oid)
    if keyword is None or value[0] not in _TEXT_TAGS:
        return f"{keyword or oid}=#{value.hex()}"
    return f"{keyword}={_escape(der_content(value).decode('utf-8', 'replace'))}"


def _escape(text: str) -> str:
    escaped = ["\\" + c if c in _ESCAPED else "\\00" if c == "\0" else c for c in text]
    start = next((i for i, c in enumerate(escaped) if c not in _PADDING), len(escaped))
    end = next((i for i in range(len(escaped), start, -1) if escaped[i - 1] not in _PADDING), start)
    return "".join(c if start <= i < end else "\\" + c for i, c in enumerate(escaped))
