"""Distinguished names as values: equal however they are encoded or spelled.

Two names match as RFC 5280, section 7.1, says in the form that deployed software
uses: attribute by attribute, ignoring the case of ASCII letters and the amount of
white space. Nothing else is folded: a look-alike letter makes another name.
"""

from __future__ import annotations

import re
from typing import Final

from validators.der import der_content, der_elements, dotted

#: One attribute (type in dotted form, value); a relative name; a name, most general part first.
Attribute = tuple[str, str]
Name = tuple[frozenset[Attribute], ...]

_DECODINGS: Final = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
}
_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_TYPES: Final = {
    "cn": "2.5.4.3", "commonname": "2.5.4.3",
    "sn": "2.5.4.4", "surname": "2.5.4.4",
    "serialnumber": "2.5.4.5",
    "c": "2.5.4.6", "countryname": "2.5.4.6",
    "l": "2.5.4.7", "localityname": "2.5.4.7",
    "st": "2.5.4.8", "s": "2.5.4.8", "sp": "2.5.4.8", "stateorprovincename": "2.5.4.8",
    "street": "2.5.4.9", "streetaddress": "2.5.4.9",
    "o": "2.5.4.10", "organizationname": "2.5.4.10",
    "ou": "2.5.4.11", "organizationalunitname": "2.5.4.11",
    "t": "2.5.4.12", "title": "2.5.4.12",
    "gn": "2.5.4.42", "givenname": "2.5.4.42",
    "uid": "0.9.2342.19200300.100.1.1", "userid": "0.9.2342.19200300.100.1.1",
    "dc": "0.9.2342.19200300.100.1.25", "domaincomponent": "0.9.2342.19200300.100.1.25",
    "e": "1.2.840.113549.1.9.1", "email": "1.2.840.113549.1.9.1", "emailaddress": "1.2.840.113549.1.9.1",
}  # fmt: skip
#: emailAddress in a name, as RFC 2985 has it.
EMAIL_TYPE: Final = _TYPES["emailaddress"]
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*|(?:[Oo][Ii][Dd]\.)?[0-9]+(?:\.[0-9]+)+")
_SLASH: Final = re.compile(r"/(?=(?:[A-Za-z][A-Za-z0-9-]*|[0-9.]+)=)")
_HEX: Final = re.compile(r"#(?:[0-9A-Fa-f]{2})+")
_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")


def name_of_der(der: bytes) -> Name:
    """A DER-encoded name as a value.

    Raises:
        ValueError: the bytes are no name.
    """
    try:
        return tuple(frozenset(map(_attribute, der_elements(rdn))) for rdn in der_elements(der))
    except ValueError:
        raise ValueError("is not a DER-encoded name") from None


def parse_name(text: str) -> frozenset[Name]:
    """What a written name can mean: it may begin with its most general or its most specific part.

    Takes RFC 4514 and its forerunners (spaces around separators, semicolons, quotes,
    hexadecimal values, any case of the types) and the form with slashes.

    Raises:
        ValueError: the text is no name; the message says where it stops being one.
    """
    text = text.strip()
    if text.startswith("/"):
        parts = [[part] for part in _SLASH.split(text)[1:]]
        if not parts:
            raise ValueError("has no part such as /C=.../CN=...")
    else:
        parts = _split(text)
    name = tuple(frozenset(_parse_attribute(part) for part in rdn) for rdn in parts)
    return frozenset({name, name[::-1]})


def _split(text: str) -> list[list[str]]:
    """Cut at separators that are neither escaped nor quoted; ``+`` joins attributes of one part."""
    parts: list[list[str]] = [[""]]
    quoted = escaped = False
    for character in text:
        if not (quoted or escaped) and character in ",;+":
            if character == "+":
                parts[-1].append("")
            else:
                parts.append([""])
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        parts[-1][-1] += character
    if quoted or escaped:
        raise ValueError("ends inside a quotation" if quoted else "ends with a backslash")
    return parts


def _parse_attribute(part: str) -> Attribute:
    kind, equals, value = part.partition("=")
    kind = kind.strip()
    if not equals or not _TYPE.fullmatch(kind):
        raise ValueError(f"{part.strip()[:60]!r} is not of the form TYPE=value")
    oid = kind.lower().removeprefix("oid.")
    if oid[0].isalpha():
        if oid not in _TYPES:
            raise ValueError(
                f"{kind!r} is an unknown attribute type: write the type as a number such as 2.5.4.3"
            )
        oid = _TYPES[oid]
    value = _strip(value)
    if _HEX.fullmatch(value):
        der = bytes.fromhex(value[1:])
        try:
            return oid, _value(der)
        except ValueError:
            raise ValueError(f"{value[:60]} is not a DER value") from None
    return oid, _fold(_unescape(value))


def _strip(value: str) -> str:
    value = value.lstrip()
    stripped = value.rstrip()
    # An escaped space at the end belongs to the value; folding drops it on both sides alike.
    return stripped + " " if stripped.endswith("\\") and len(stripped) < len(value) else stripped


def _unescape(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    taken = bytearray()
    place = 0
    while place < len(value):
        if value[place] == "\\":
            place += 1
            pair = value[place : place + 2]
            if _PAIR.fullmatch(pair):
                taken += bytes.fromhex(pair)
                place += 2
                continue
        taken += value[place : place + 1].encode("utf-8", "surrogatepass")
        place += 1
    try:
        return taken.decode()
    except UnicodeDecodeError:
        raise ValueError("escapes bytes that are not UTF-8") from None


def _attribute(type_and_value: bytes) -> Attribute:
    kind, value = der_elements(type_and_value)
    return dotted(der_content(kind)), _value(value)


def _value(der: bytes) -> str:
    content = der_content(der)
    decoding = _DECODINGS.get(der[0])
    if decoding is not None:
        try:
            return _fold(content.decode(decoding))
        except UnicodeDecodeError:
            pass  # compared by its bytes
    # The control character keeps it apart from every text.
    return f"\x00#{der.hex()}"


def _fold(text: str) -> str:
    return " ".join(text.translate(_ASCII_LOWER).split())
