"""IRIs and language tags, as RDF has them: what step 6 holds names, references and ``xml:lang`` against.

Sources: RFC 3987 section 2.2 (IRIs; RFC 3986 for hosts in brackets), RFC 5646 section 2.1 (language tags).
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

# Characters beyond ASCII: of any part (ucschar), and of queries besides (iprivate).
_UCS: Final = (
    "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd"
)
_PRIVATE: Final = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_UNRESERVED: Final = r"A-Za-z0-9\-._~"
_DELIMITERS: Final = "!$&'()*+,;="
_HOST: Final = f"{_UNRESERVED}{_DELIMITERS}{_UCS}"


def _any_of(characters: str) -> str:
    """So many of these characters, and of bytes written with ``%``; each text is taken in one way only.

    Possessive quantifiers would say the same, but Python before 3.11.5 takes them wrongly (gh-106052).
    """
    return f"[{characters}]*(?:%[0-9A-Fa-f]{{2}}[{characters}]*)*"


_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.\-]*:"
_AUTHORITY: Final = (
    rf"//(?:{_any_of(_HOST + ':')}@)?(?:\[(?P<ip>[^\]]*)\]|{_any_of(_HOST)})(?::[0-9]*)?(?=[/?#]|\Z)"
)
#: What is no authority must not pass for a path that begins like one.
_HIERARCHY: Final = rf"(?:{_AUTHORITY}|(?!//))"
_PATH: Final = (
    rf"{_any_of(_HOST + ':@/')}(?:\?{_any_of(_HOST + _PRIVATE + ':@/?')})?(?:#{_any_of(_HOST + ':@/?')})?"
)
_IRI: Final = rf"{_SCHEME}{_HIERARCHY}{_PATH}"
#: Before the first slash of a relative path a colon would end a scheme.
_RELATIVE: Final = rf"(?:(?=//)|(?![^/?#]*:)){_HIERARCHY}{_PATH}"
_FUTURE: Final = re.compile(rf"[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_DELIMITERS}:]+")

#: Tags of before RFC 4646, which follow no rule.
_GRANDFATHERED: Final = frozenset(
    {
        "art-lojban", "cel-gaulish", "en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak",
        "i-klingon", "i-lux", "i-mingo", "i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu", "no-bok",
        "no-nyn", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de", "zh-guoyu", "zh-hakka", "zh-min", "zh-min-nan",
        "zh-xiang",
    }
)  # fmt: skip
_LANGUAGE: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z][a-z0-9]{4,7}|[0-9][a-z0-9]{3,7}))*"
    r"(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
)


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    # Most entries have no extension, and a command that reads one of them would compile these in vain.
    return re.compile(expression)


def is_iri(text: str) -> bool:
    """Whether this is an IRI with a scheme."""
    return _has_valid_host(_pattern(_IRI).fullmatch(text))


def is_reference(text: str) -> bool:
    """Whether this is an IRI, or what becomes one against a base with an authority and a path."""
    return _has_valid_host(_pattern(_IRI).fullmatch(text) or _pattern(_RELATIVE).fullmatch(text))


def is_language(text: str) -> bool:
    """Whether this is a well-formed language tag."""
    return text.isascii() and (
        _LANGUAGE.fullmatch(text.lower()) is not None or text.lower() in _GRANDFATHERED
    )


def _has_valid_host(found: re.Match[str] | None) -> bool:
    """Whether an IRI that has the right characters has an address in its brackets too."""
    if found is None:
        return False
    ip: str | None = found["ip"]
    return ip is None or _FUTURE.fullmatch(ip) is not None or _is_address(ip)


def _is_address(ip: str) -> bool:
    # Python would take the name of an interface behind the address, IRIs have none.
    if "%" in ip:
        return False
    try:
        IPv6Address(ip)
    except AddressValueError:
        return False
    return True
