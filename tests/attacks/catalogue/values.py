"""Values that another reader takes for something else: times, paths, numbers, base64."""

from __future__ import annotations

from tests.attacks.forging import Attack, Build, edit, entry, last, regex

TIMES = "times"
PATHS = "paths"
NUMBERS = "numbers, checksums and base64"

_TIMES = {
    "without Z": "2024-05-01T12:00:00",
    "small z": "2024-05-01T12:00:00z",
    "small t": "2024-05-01t12:00:00Z",
    "offset": "2024-05-01T12:00:00+00:00",
    "fraction": "2024-05-01T12:00:00.000Z",
    "comma fraction": "2024-05-01T12:00:00,5Z",
    "space for T": "2024-05-01 12:00:00Z",
    "no seconds": "2024-05-01T12:00Z",
    "no separators": "20240501T120000Z",
    "a date": "2024-05-01",
    "week date": "2024-W18-3T12:00:00Z",
    "ordinal date": "2024-122T12:00:00Z",
    "30 February": "2024-02-30T12:00:00Z",
    "29 February of no leap year": "2023-02-29T12:00:00Z",
    "month 13": "2024-13-01T12:00:00Z",
    "day 0": "2024-05-00T12:00:00Z",
    "hour 24": "2024-05-01T24:00:00Z",
    "minute 60": "2024-05-01T12:60:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "year 0": "0000-01-01T00:00:00Z",
    "five digits of a year": "12024-05-01T12:00:00Z",
    "sign": "+2024-05-01T12:00:00Z",
    "negative year": "-2024-05-01T12:00:00Z",
    "Arabic digits": "٢٠٢٤-05-01T12:00:00Z",
    "full-width digits": "２０２４-05-01T12:00:00Z",
    "other hyphens": "2024\u201005\u201001T12:00:00Z",
    "white space around": " 2024-05-01T12:00:00Z ",
    "new line behind": "2024-05-01T12:00:00Z\n",
    "next line behind": "2024-05-01T12:00:00Z\u0085",
    "line separator behind": "2024-05-01T12:00:00Z\u2028",
    "carriage return behind": "2024-05-01T12:00:00Z&#13;",
    "path behind": "2024-05-01T12:00:00Z/../..",
    "seconds since 1970": "1714564800",
    "words": "now",
    "nothing": "",
}
_IDENTIFIERS = {
    "parent directories": "../../../../../etc/passwd00",
    "slash": "A/AAAAAAAAAAAAAAAAAAAAAAAAA",
    "backslash": "A\\AAAAAAAAAAAAAAAAAAAAAAAAA",
    "dots": "...........................",
    "percent": "%2e%2e%2f%2e%2e%2f%2e%2e%2f",
    "colon": "C:AAAAAAAAAAAAAAAAAAAAAAAAA",
    "new line": "AAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    "26 characters": "A" * 26,
    "28 characters": "A" * 28,
    "more than 160 bits": "Q" + "A" * 26,
    "the other base 64": "A+/AAAAAAAAAAAAAAAAAAAAAAAA",
    "Cyrillic letter": "\u0410" + "A" * 26,
    "full-width letter": "\uff21" + "A" * 26,
    "zero-width space": "A" * 27 + "\u200b",
    "nothing": "",
}
_LONG = "0" * 60_000


def _created(text: str) -> Build:
    return lambda: entry(edit(">2024-05-01T12:00:00Z<", f">{text}<"))


def _identifier(text: str) -> Build:
    """The same text in both places, so that nothing but the alphabet is wrong."""
    return lambda: entry(lambda xml: xml.replace(_own_identifier(xml), text))


def _own_identifier(xml: str) -> str:
    return xml.partition("<dcterms:identifier>")[2].partition("<")[0]


def _value(element: str, text: str) -> Build:
    return lambda: entry(regex(f"<{element}>[^<]*</{element}>", f"<{element}>{text}</{element}>"))


def _put(xml: str) -> Build:
    return lambda: entry(last(xml))


def _checksum(algorithm: str, value: str) -> Build:
    return _put(
        '<slreq:checksum rdf:parseType="Resource">'
        f"<slreq:algorithm>{algorithm}</slreq:algorithm><slreq:value>{value}</slreq:value></slreq:checksum>"
    )


_SIZES = {
    "sign": "+1",
    "negative": "-1",
    "white space": " 1",
    "new line": "1\n",
    "underscore": "1_000",
    "hexadecimal": "0x10",
    "exponent": "1e3",
    "fraction": "1.0",
    "Arabic digit": "\u0661",
    "superscript": "\u00b2",
    "full-width": "\uff11",
    "64 bits": str(2**63),
    "60 000 nines": "9" * 60_000,
    "nothing": "",
    "next line": "1\u0085",
    "words": "many",
}
_SHA1 = {
    "other letter": "g" * 40,
    "0x": "0x" + "a" * 38,
    "41 digits": "a" * 41,
    "white space": " " + "a" * 40,
    "new line": "a" * 40 + "\n",
    "full-width": "\uff41" * 40,
    "nothing": "",
    "60 000 zeros and a letter": _LONG + "g",
    "underscore": "a_" * 20,
    "sign": "-" + "a" * 39,
}
_BASE64 = {
    "letters of the other alphabet": "-_",
    "no-break space": "\u00a0",
    "next line": "\u0085",
    "line separator": "\u2028",
    "vertical white space": "\u2003",
    "full-width letter": "\uff21",
    "padding in front": "=",
    "percent": "%41",
    "dot": ".",
    "byte order mark": "\ufeff",
    "zero-width space": "\u200b",
}

ATTACKS = [
    *(
        Attack(TIMES, f"created: {name}", "endorsement.created", _created(text))
        for name, text in _TIMES.items()
    ),
    *(
        Attack(
            TIMES, f"valid: {name}", "valid.syntax", _put(f"<dcterms:valid>{_TIMES[name]}</dcterms:valid>")
        )
        for name in (
            "without Z",
            "offset",
            "30 February",
            "leap second",
            "Arabic digits",
            "new line behind",
            "words",
        )
    ),
    Attack(TIMES, "valid: white space", "valid.syntax", _put("<dcterms:valid> </dcterms:valid>")),
    Attack(
        TIMES,
        "created twice",
        "shape.count",
        lambda: entry(
            edit(
                "</dcterms:created>",
                "</dcterms:created><dcterms:created>2024-05-02T12:00:00Z</dcterms:created>",
            )
        ),
    ),
    Attack(
        TIMES,
        "no created",
        "shape.count",
        lambda: entry(regex("<dcterms:created>[^<]*</dcterms:created>", "")),
    ),
    *(
        Attack(PATHS, f"identifier: {name}", "identifier.syntax", _identifier(text))
        for name, text in _IDENTIFIERS.items()
    ),
    Attack(
        PATHS,
        "e-mail with parent directories",
        "endorser.email-syntax",
        lambda: entry(edit(">jane.tester@example.org<", ">../../jane@example.org<")),
    ),
    Attack(
        PATHS,
        "e-mail host with parent directories",
        "endorser.email-syntax",
        lambda: entry(edit(">jane.tester@example.org<", ">jane@../../example.org<")),
    ),
    Attack(PATHS, "identifier of another image", "identifier.about", _value("dcterms:identifier", "A" * 27)),
    Attack(
        PATHS, "identifier twice", "shape.count", _put(f"<dcterms:identifier>{'A' * 27}</dcterms:identifier>")
    ),
    Attack(PATHS, "identifier of another checksum", "checksum.identifier", _identifier("A" * 27)),
    *(
        Attack(NUMBERS, f"bytes: {name}", "bytes.syntax", _value("slreq:bytes", text))
        for name, text in _SIZES.items()
    ),
    Attack(NUMBERS, "bytes twice", "shape.count", _put("<slreq:bytes>1</slreq:bytes>")),
    *(
        Attack(NUMBERS, f"SHA-1: {name}", "checksum.value", _value("slreq:value", text))
        for name, text in _SHA1.items()
    ),
    Attack(NUMBERS, "SHA-1 of another image", "checksum.identifier", _value("slreq:value", "a" * 40)),
    Attack(NUMBERS, "two SHA-1", "checksum.sha1", _checksum("SHA-1", "a" * 40)),
    Attack(
        NUMBERS,
        "no SHA-1",
        "checksum.sha1",
        lambda: entry(
            regex(
                "<slreq:algorithm>SHA-1</slreq:algorithm><slreq:value>[^<]*<",
                f"<slreq:algorithm>SHA-256</slreq:algorithm><slreq:value>{'a' * 64}<",
            )
        ),
    ),
    Attack(NUMBERS, "SHA-256 that is too short", "checksum.value", _checksum("SHA-256", "a" * 63)),
    Attack(NUMBERS, "SHA-512 with zeros in front", "checksum.value", _checksum("SHA-512", "0" + "a" * 128)),
    Attack(NUMBERS, "unknown checksum", "checksum.algorithm", _checksum("CRC32", "a" * 8)),
    Attack(NUMBERS, "checksum in small letters", "checksum.algorithm", _checksum("sha-256", "a" * 64)),
    Attack(
        NUMBERS, "checksum with another hyphen", "checksum.algorithm", _checksum("SHA\u2010256", "a" * 64)
    ),
    Attack(
        NUMBERS,
        "algorithm twice in a checksum",
        "shape.count",
        lambda: entry(edit("<slreq:value>", "<slreq:algorithm>MD5</slreq:algorithm><slreq:value>")),
    ),
    Attack(NUMBERS, "port 65536", "port.range", _put("<slterms:inbound-port>65536</slterms:inbound-port>")),
    Attack(NUMBERS, "negative port", "port.range", _put("<slterms:outbound-port>-1</slterms:outbound-port>")),
    Attack(NUMBERS, "ICMP 256", "icmp.range", _put("<slterms:icmp>256</slterms:icmp>")),
    Attack(
        NUMBERS,
        "deprecated twice",
        "shape.count",
        _put("<slterms:deprecated/><slterms:deprecated>x</slterms:deprecated>"),
    ),
    Attack(NUMBERS, "two types", "shape.count", _put("<dcterms:type>disk</dcterms:type>")),
    *(
        Attack(
            NUMBERS,
            f"base64 with {name}",
            "signature.base64",
            lambda text=text: entry(signature=edit("<SignatureValue>", f"<SignatureValue>{text}")),
        )
        for name, text in _BASE64.items()
    ),
    Attack(
        NUMBERS,
        "base64 with left-over bits",
        "signature.base64",
        lambda: entry(
            reference=regex("<DigestValue>.*</DigestValue>", f"<DigestValue>{'A' * 42}B=</DigestValue>")
        ),
    ),
    Attack(
        NUMBERS,
        "base64 without padding",
        "signature.base64",
        lambda: entry(reference=regex("=</DigestValue>", "</DigestValue>")),
    ),
    Attack(
        NUMBERS,
        "base64 behind its padding",
        "signature.base64",
        lambda: entry(reference=regex("</DigestValue>", "AAAA</DigestValue>")),
    ),
]
