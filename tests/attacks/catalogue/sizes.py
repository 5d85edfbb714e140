"""Documents that cost more to read than to send."""

from __future__ import annotations

from tests.attacks.certificates import own
from tests.attacks.forging import Attack, Build, edit, entry, last, shown_with
from tests.factories.signatures import DSIG, ENVELOPED, EXCLUSIVE

KIND = "sizes"

_RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_ROOM = 1_040_000  # bytes that fit beside a root
_X = 'xmlns:x="urn:x#"'


def _alone(inside: str, attributes: str = "") -> Build:
    """No key is needed: a document that was never signed."""
    return lambda: f"<rdf:RDF {_RDF} {_X} {attributes}>{inside}</rdf:RDF>".encode()


def _numbered(pattern: str, count: int) -> str:
    return "".join(pattern.format(n) for n in range(count))


def _prefixes(count: int) -> Build:
    """Each element writes all its namespaces again in exclusive canonicalisation: 30 MB from one."""

    def build() -> bytes:
        declared = _numbered(f' xmlns:a{{0:02}}="urn:{"u" * 245}{{0:02}}"', 56)
        element = "<b" + _numbered(' a{0:02}:x=""', 56) + "/>"
        inside = f'<x:a {_X} {declared} rdf:parseType="Literal">{element * count}</x:a>'
        return entry(
            last(inside), transforms=(ENVELOPED, EXCLUSIVE), after=edit("A demo image", "B demo image")
        )

    return build


def _signature(inside: str) -> Build:
    return _alone(f'<Signature xmlns="{DSIG}">{inside}</Signature>')


ATTACKS = [
    Attack(KIND, "a byte too many", "limit.size", lambda: entry().ljust(1_048_577)),
    Attack(KIND, "2 MB", "limit.size", lambda: b"<a>" + b"x" * 2_000_000 + b"</a>"),
    Attack(KIND, "65 attributes", "limit.attributes", _alone("<x:a" + _numbered(' a{}=""', 65) + "/>")),
    Attack(
        KIND, "100 000 attributes", "limit.attributes", _alone("<x:a" + _numbered(' a{}=""', 75_000) + "/>")
    ),
    Attack(
        KIND, "100 000 attributes of the root", "limit.attributes", _alone("", _numbered(' a{}=""', 75_000))
    ),
    Attack(
        KIND,
        "attributes in namespaces",
        "limit.attributes",
        _alone("<x:a" + _numbered(' x:a{}=""', 60_000) + "/>"),
    ),
    Attack(
        KIND,
        "65 namespaces",
        "limit.namespaces",
        _alone("<x:a" + _numbered(' xmlns:a{0}="urn:{0}"', 65) + "/>"),
    ),
    Attack(
        KIND,
        "40 000 namespaces",
        "limit.namespaces",
        _alone("<x:a" + _numbered(' xmlns:a{0}="urn:{0}"', 35_000) + "/>"),
    ),
    Attack(
        KIND,
        "a namespace for each element",
        "limit.namespaces",
        _alone(_numbered('<a xmlns="urn:{}"/>', 1_500)),
    ),
    Attack(
        KIND,
        "namespaces in the signature",
        "limit.namespaces",
        _signature(_numbered('<a xmlns="urn:{}"/>', 1_500)),
    ),
    Attack(
        KIND,
        "a default namespace on and off",
        "limit.namespaces",
        _alone('<a xmlns="urn:a"><b xmlns=""/></a>' * 100),
    ),
    Attack(KIND, "33 levels", "limit.depth", _alone("<x:a>" * 32 + "</x:a>" * 32)),
    Attack(KIND, "100 000 levels", "limit.depth", _alone("<x:a>" * 90_000 + "</x:a>" * 90_000)),
    Attack(KIND, "100 000 levels without an end", "limit.depth", lambda: b"<a>" * 300_000),
    Attack(
        KIND, "levels in the signature", "limit.depth", _signature("<Object>" * 1_000 + "</Object>" * 1_000)
    ),
    Attack(KIND, "2 001 elements", "limit.elements", _alone("<x:a/>" * 2_000)),
    Attack(KIND, "170 000 elements", "limit.elements", _alone("<x:a/>" * 170_000)),
    Attack(KIND, "170 000 values", "limit.elements", _alone("<x:a>1</x:a>" * 80_000)),
    Attack(KIND, "elements in the signature", "limit.elements", _signature("<Object/>" * 100_000)),
    Attack(KIND, "text of 64 Ki and one", "limit.text", _alone(f"<x:a>{'x' * 65_537}</x:a>")),
    Attack(KIND, "text of a megabyte", "limit.text", _alone(f"<x:a>{'x' * _ROOM}</x:a>")),
    Attack(KIND, "text in CDATA", "limit.text", _alone(f"<x:a><![CDATA[{'x' * _ROOM}]]></x:a>")),
    Attack(KIND, "text of references", "limit.text", _alone(f"<x:a>{'&#65;' * 200_000}</x:a>")),
    Attack(KIND, "text of references to markup", "limit.text", _alone(f"<x:a>{'&lt;' * 200_000}</x:a>")),
    Attack(
        KIND,
        "text cut by comments",
        "limit.text",
        _alone(f"<x:a>{('x' * 500 + '<!---->') * 1_900}</x:a>"),
    ),
    Attack(KIND, "text cut by CDATA", "limit.text", _alone(f"<x:a>{'xxxxxxxx<![CDATA[]]>' * 50_000}</x:a>")),
    Attack(KIND, "white space of a megabyte", "limit.text", _alone(" " * _ROOM)),
    Attack(KIND, "new lines as references", "limit.text", _alone("&#13;" * 200_000)),
    Attack(KIND, "text of the root", "limit.text", _alone("x" * _ROOM)),
    Attack(KIND, "attribute of a megabyte", "limit.text", _alone(f'<x:a b="{"x" * _ROOM}"/>')),
    Attack(
        KIND,
        "rdf:about of a megabyte",
        "limit.text",
        _alone(f'<rdf:Description rdf:about="#{"A" * _ROOM}"/>'),
    ),
    Attack(KIND, "name of 257 characters", "limit.name", _alone(f"<x:{'a' * 257}/>")),
    Attack(KIND, "name of a megabyte", "limit.name", _alone(f"<x:{'a' * 1_000_000}/>")),
    Attack(KIND, "attribute name of a megabyte", "limit.name", _alone(f'<x:a {"a" * 1_000_000}=""/>')),
    Attack(KIND, "prefix of 257 characters", "limit.name", _alone(f'<x:a xmlns:{"p" * 257}="urn:p"/>')),
    Attack(
        KIND, "namespace name of 257 characters", "limit.name", _alone(f'<x:a xmlns:p="urn:{"p" * 257}"/>')
    ),
    Attack(KIND, "instruction's name of a megabyte", "limit.name", _alone(f"<?{'p' * 1_000_000}?>")),
    Attack(KIND, "names written again for each element", "limit.namespaces", _prefixes(1_700)),
    Attack(KIND, "names written again, just below the limit", "signature.digest", _prefixes(260)),
    Attack(KIND, "2 001 comments", "limit.comments", _alone("<!---->" * 2_001)),
    Attack(KIND, "2 001 instructions", "limit.comments", _alone("<?a?>" * 2_001)),
    Attack(KIND, "2 001 of both", "limit.comments", _alone("<!----><?a?>" * 1_000 + "<!---->")),
    Attack(KIND, "148 000 comments", "limit.comments", _alone("<!---->" * 147_000)),
    Attack(KIND, "208 000 instructions", "limit.comments", _alone("<?a?>" * 205_000)),
    Attack(
        KIND,
        "148 000 comments before an element",
        "limit.comments",
        _alone(f"<x:a>{'<!---->' * 147_000}<x:b/></x:a>"),
    ),
    Attack(
        KIND,
        "comments in each of many elements",
        "limit.comments",
        _alone(("<x:a>" + "<!---->" * 70 + "<x:b/></x:a>") * 990),
    ),
    Attack(KIND, "comments before the root", "limit.comments", lambda: b"<!---->" * 147_000 + _alone("")()),
    Attack(KIND, "comments behind the root", "limit.comments", lambda: _alone("")() + b"<!---->" * 147_000),
    Attack(
        KIND,
        "as many comments as there may be, before as many elements",
        "signature.count",
        _alone(f"<x:a>{'<!---->' * 1_999}{'<x:b/>' * 1_990}</x:a><!---->"),
    ),
    Attack(KIND, "a comment of a megabyte", "signature.count", _alone(f"<!--{'x' * _ROOM}-->")),
    Attack(KIND, "an instruction of a megabyte", "signature.count", _alone(f"<?x {'x' * _ROOM}?>")),
    Attack(
        KIND,
        "instructions before an element, signed and changed",
        "signature.digest",
        lambda: entry(last("<?a?>" * 2_000), after=edit("A demo image", "B demo image")),
    ),
    Attack(
        KIND,
        "64 attributes on each of 1 800 elements, signed and changed",
        "signature.digest",
        lambda: entry(
            last(
                f'<x:a {_X} rdf:parseType="Literal">'
                + ("<b" + _numbered(" a{}=''", 64) + "/>") * 1_800
                + "</x:a>"
            ),
            after=edit("A demo image", "B demo image"),
        ),
    ),
    Attack(
        KIND,
        "quotes that grow six times, signed and changed",
        "signature.digest",
        lambda: entry(
            last(
                f'<x:a {_X} rdf:parseType="Literal"><b'
                + _numbered(" a{}='" + '"' * 16_000 + "'", 60)
                + "/></x:a>"
            ),
            after=edit("A demo image", "B demo image"),
        ),
    ),
    Attack(
        KIND,
        "base64 of a megabyte",
        "limit.text",
        lambda: entry(signature=edit("<SignatureValue>", "<SignatureValue>" + "A" * 1_000_000)),
    ),
    Attack(
        KIND,
        "signature value of 48 KB",
        "signature.value",
        lambda: entry(signature=edit("<SignatureValue>", "<SignatureValue>" + "A" * 64_000)),
    ),
    Attack(
        KIND,
        "digest of 48 KB",
        "signature.digest",
        lambda: entry(reference=edit("<DigestValue>", "<DigestValue>" + "A" * 64_000)),
    ),
    Attack(
        KIND,
        "five certificates of 48 KB",
        "certificate.malformed",
        lambda: shown_with([b"\x30" * 48_000] * 5),
    ),
    Attack(KIND, "levels in a certificate", "certificate.malformed", lambda: shown_with([_deep()])),
    Attack(
        KIND,
        "white space in base64",
        "signature.value",
        lambda: entry(signature=edit("<SignatureValue>", "<SignatureValue>AAAA" + "&#13;\n" * 30_000)),
    ),
    Attack(
        KIND,
        "a URI of 64 KB",
        "signature.reference",
        lambda: entry(reference=edit('URI=""', f'URI="#{"x" * 65_000}"')),
    ),
    Attack(
        KIND,
        "an algorithm of 64 KB",
        "signature.algorithm",
        lambda: entry(
            signature=edit('<SignatureMethod Algorithm="', '<SignatureMethod Algorithm="' + "x" * 65_000)
        ),
    ),
    Attack(
        KIND,
        "an e-mail of 64 KB",
        "endorser.email-syntax",
        lambda: entry(edit(">jane.tester@", f">{'jane.' * 13_000}@")),
    ),
    Attack(
        KIND,
        "an e-mail host of 64 KB",
        "endorser.email-syntax",
        lambda: entry(edit("@example.org<", f"@{'a.' * 32_000}<")),
    ),
    Attack(
        KIND,
        "SHA-1 of zeros and a letter",
        "checksum.value",
        lambda: entry(edit("<slreq:value>", "<slreq:value>" + "0" * 65_000 + "g")),
    ),
    Attack(
        KIND,
        "a subject of 64 KB",
        "endorser.subject",
        lambda: entry(edit("<slreq:subject>", "<slreq:subject>" + "CN=x+" * 13_000)),
    ),
]


def _deep() -> bytes:
    """DER that opens thousands of levels."""
    der = own()
    return b"\x30\x80" * 20_000 + der
