"""Bytes that one reader takes for one document and another for another; document types and entities."""

from __future__ import annotations

from tests.attacks.forging import Attack, Build, edit, entry

ENCODINGS = "encodings"
DTD = "DTD and entities"


def _in(codec: str, declared: str | None = None) -> Build:
    """The whole document in another encoding, with or without saying so."""

    def build() -> bytes:
        text = entry().decode()
        return (text.replace("UTF-8", declared, 1) if declared else text).encode(codec)

    return build


def _declared(name: str) -> Build:
    return lambda: entry(after=edit('encoding="UTF-8"', f'encoding="{name}"'))


def _bytes(what: bytes) -> Build:
    """Bytes inside the title."""
    return lambda: entry().replace(b"A demo image", b"A demo " + what, 1)


def _in_front(what: bytes) -> Build:
    return lambda: what + entry()


_OVERLONG = {
    "NUL": b"\xc0\x80",
    "slash": b"\xc0\xaf",
    "less-than sign": b"\xc0\xbc",
    "less-than sign in three bytes": b"\xe0\x80\xbc",
    "less-than sign in four bytes": b"\xf0\x80\x80\xbc",
}
_BROKEN = {
    "high surrogate": b"\xed\xa0\x80",
    "low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "above Unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "continuation alone": b"\x80",
    "start alone": b"\xc3 ",
    "Latin-1 letter": b"\xe9",
    "byte FF": b"\xff",
    "NUL": b"\0",
}
_CHARACTERS = {
    "control character": b"\x01",
    "escape": b"\x1b[31m",
    "vertical tab": b"\x0b",
    "not a character FFFE": b"\xef\xbf\xbe",
    "not a character FFFF": b"\xef\xbf\xbf",
    "reference to NUL": b"&#0;",
    "reference to a control character": b"&#x1;",
    "reference to a surrogate": b"&#xD800;",
    "reference to FFFF": b"&#xFFFF;",
    "reference above Unicode": b"&#x110000;",
    "reference that overflows": b"&#4294967361;",
    "reference that overflows far": b"&#x" + b"F" * 40 + b";",
    "reference without an end": b"&#65 ",
    "end of CDATA": b"]]>",
}


def _doctype(text: str, body: str | None = None) -> Build:
    def change(document: str) -> str:
        document = document.replace("?>\n", f"?>\n{text}\n", 1)
        return document.replace("A demo image", body, 1) if body else document

    return lambda: entry(after=change)


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
_DOCTYPES = {
    "bare": ("<!DOCTYPE a>", None),
    "for the root": ("<!DOCTYPE rdf:RDF>", None),
    "in no letters of its own": ("<!DOCTYPE\nrdf:RDF\t[\n]>", None),
    "with an entity": ('<!DOCTYPE a [<!ENTITY e "x">]>', "&e;"),
    "with a local file": ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;"),
    "with a remote file": ('<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:1/x">]>', "&e;"),
    "with a public id": ('<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:1/x.dtd">', None),
    "with a remote subset": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">', None),
    "with a parameter entity": ('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>', None),
    "with a billion laughs": (f"<!DOCTYPE a [{_LAUGHS}]>", "&l9;"),
    "with quadratic growth": (f'<!DOCTYPE a [<!ENTITY e "{"x" * 50_000}">]>', "&e;" * 1_000),
    "with an entity of itself": ('<!DOCTYPE a [<!ENTITY e "&e;">]>', "&e;"),
    "with default attributes": (
        '<!DOCTYPE rdf:RDF [<!ATTLIST rdf:Description rdf:about CDATA "#AAAAAAAAAAAAAAAAAAAAAAAAAAA">]>',
        None,
    ),
    "with ids": ("<!DOCTYPE rdf:RDF [<!ATTLIST rdf:Description Id ID #IMPLIED>]>", None),
    "with a notation": ('<!DOCTYPE a [<!NOTATION n SYSTEM "file:///bin/sh">]>', None),
    "with a conditional section": ("<!DOCTYPE a [<![INCLUDE[<!ELEMENT a ANY>]]>]>", None),
}

ATTACKS = [
    Attack(ENCODINGS, "UTF-16 with a mark", "parse.encoding", _in("utf-16", "UTF-16")),
    Attack(ENCODINGS, "UTF-16 little end first, without a mark", "parse.encoding", _in("utf-16-le")),
    Attack(ENCODINGS, "UTF-16 big end first, without a mark", "parse.encoding", _in("utf-16-be", "UTF-16BE")),
    Attack(ENCODINGS, "UTF-32 with a mark", "parse.encoding", _in("utf-32", "UTF-32")),
    Attack(ENCODINGS, "UTF-32 without a mark", "parse.encoding", _in("utf-32-be")),
    Attack(ENCODINGS, "UTF-7", "parse.encoding", _in("utf-7", "UTF-7")),
    Attack(
        ENCODINGS,
        "UTF-7 from the first byte, not declared",
        "parse.not-well-formed",
        lambda: entry().replace(b"<", b"+ADw-").replace(b">", b"+AD4-"),
    ),
    Attack(ENCODINGS, "EBCDIC", "parse.encoding", _in("cp037", "IBM037")),
    Attack(ENCODINGS, "EBCDIC, not declared", "parse.encoding", _in("cp500")),
    *(
        Attack(ENCODINGS, f"declared as {name or 'nothing'}", "parse.encoding", _declared(name))
        for name in (
            "ISO-8859-1",
            "US-ASCII",
            "UTF-16",
            "UTF-7",
            "UTF8",
            "utf_8",
            "windows-1252",
            "UCS-4",
            "x-unknown",
        )
    ),
    Attack(ENCODINGS, "declared as no name", "parse.not-well-formed", _declared("")),
    *(
        Attack(ENCODINGS, f"overlong {name}", "parse.encoding", _bytes(what))
        for name, what in _OVERLONG.items()
    ),
    *(Attack(ENCODINGS, f"broken: {name}", "parse.encoding", _bytes(what)) for name, what in _BROKEN.items()),
    *(
        Attack(ENCODINGS, f"character: {name}", "parse.not-well-formed", _bytes(what))
        for name, what in _CHARACTERS.items()
    ),
    Attack(ENCODINGS, "NUL at the end", "parse.encoding", lambda: entry() + b"\0"),
    Attack(ENCODINGS, "two marks", "parse.not-well-formed", _in_front(b"\xef\xbb\xbf\xef\xbb\xbf")),
    Attack(ENCODINGS, "mark inside", "signature.digest", _bytes(b"\xef\xbb\xbf")),
    Attack(ENCODINGS, "white space before the declaration", "parse.not-well-formed", _in_front(b" ")),
    Attack(ENCODINGS, "declaration twice", "parse.not-well-formed", _in_front(b'<?xml version="1.0"?>')),
    Attack(
        ENCODINGS, "XML 1.1", "parse.version", lambda: entry(after=edit('version="1.0"', 'version="1.1"'))
    ),
    Attack(
        ENCODINGS, "XML 2.0", "parse.version", lambda: entry(after=edit('version="1.0"', 'version="2.0"'))
    ),
    Attack(ENCODINGS, "nothing at all", "parse.not-well-formed", lambda: b" "),
    Attack(ENCODINGS, "only a mark", "parse.not-well-formed", lambda: b"\xef\xbb\xbf"),
    Attack(ENCODINGS, "words", "parse.not-well-formed", lambda: b"hello"),
    Attack(ENCODINGS, "zip file", "parse.encoding", lambda: b"PK\x03\x04\x14\x00\x00\x00\x08\x00"),
    Attack(ENCODINGS, "gzip", "parse.encoding", lambda: b"\x1f\x8b\x08\x00" + bytes(20)),
    Attack(ENCODINGS, "JSON", "parse.not-well-formed", lambda: b'{"identifier": "x"}'),
    Attack(ENCODINGS, "half a document", "parse.not-well-formed", lambda: entry()[:1000]),
    Attack(
        ENCODINGS,
        "a character reference in a name",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", "<dcterms:titl&#101;>")),
    ),
    Attack(ENCODINGS, "words behind the root", "parse.outside-root", lambda: entry() + b"words"),
    Attack(ENCODINGS, "element behind the root", "parse.outside-root", lambda: entry() + b"<a/>"),
    Attack(ENCODINGS, "instruction behind the root", "parse.outside-root", lambda: entry() + b"<?a?>"),
    Attack(
        ENCODINGS,
        "relative namespace",
        "parse.relative-namespace",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title xmlns:x="relative">')),
    ),
    Attack(
        ENCODINGS,
        "namespace with a brace",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title xmlns:x="urn:a}b">')),
    ),
    Attack(
        ENCODINGS,
        "prefix without a namespace",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title y:a="b">')),
    ),
    Attack(
        ENCODINGS,
        "prefix taken back",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title xmlns:slreq="">')),
    ),
    Attack(
        ENCODINGS,
        "prefix xml for another namespace",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title xmlns:xml="urn:x">')),
    ),
    Attack(
        ENCODINGS,
        "prefix xmlns",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", '<dcterms:title xmlns:xmlns="urn:x">')),
    ),
    Attack(
        ENCODINGS,
        "another prefix for the xml namespace",
        "parse.not-well-formed",
        lambda: entry(
            after=edit("<dcterms:title>", '<dcterms:title xmlns:x="http://www.w3.org/XML/1998/namespace">')
        ),
    ),
    Attack(
        ENCODINGS,
        "one attribute by two prefixes",
        "parse.not-well-formed",
        lambda: entry(
            after=edit("<dcterms:title>", '<dcterms:title xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2">')
        ),
    ),
    *(
        Attack(DTD, f"document type {name}", "parse.doctype", _doctype(*parts))
        for name, parts in _DOCTYPES.items()
    ),
    Attack(DTD, "document type in small letters", "parse.not-well-formed", _doctype("<!doctype a>")),
    Attack(
        DTD,
        "document type inside the root",
        "parse.not-well-formed",
        lambda: entry(after=edit("<dcterms:title>", "<!DOCTYPE a><dcterms:title>")),
    ),
    Attack(DTD, "document type behind the root", "parse.outside-root", lambda: entry() + b"<!DOCTYPE a>"),
    Attack(DTD, "unknown entity", "parse.not-well-formed", _bytes(b"&e;")),
    Attack(DTD, "entity of HTML", "parse.not-well-formed", _bytes(b"&nbsp;")),
    Attack(DTD, "parameter entity", "signature.digest", _bytes(b"%e;")),
    Attack(
        DTD,
        "unknown entity in an attribute",
        "parse.not-well-formed",
        lambda: entry(after=edit('rdf:about="#', 'rdf:about="&e;#')),
    ),
    Attack(
        DTD,
        "inclusion",
        "signature.digest",
        lambda: entry(
            after=edit(
                "<dcterms:title>",
                '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><dcterms:title>',
            )
        ),
    ),
]
