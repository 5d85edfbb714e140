"""Step 4: shape and values of the signed content."""

# ruff: noqa: E501  # A case a line is easier to compare than cases that are broken up.

from __future__ import annotations

import pytest

from tests.factories.documents import image
from tests.factories.identities import make_identity
from tests.unit.validators.altered_values import MD5, SHA256, SHA512, last, of, twice, without
from tests.unit.validators.judging import code, made, refusal
from validators.errors import ConstraintError

IDENTIFIER = image().about
ANOTHER = image(content="another").about

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


REFUSED = {
    "shape.root": [
        made(lambda text: text.replace("rdf:RDF", "rdf:Rdf")),
        made(lambda text: text.replace(RDF, RDF.upper())),
        of("<rdf:RDF ", '<rdf:RDF a="1" '),
        of("<rdf:RDF ", '<rdf:RDF rdf:about="#x" '),
        of("<rdf:RDF ", '<rdf:RDF dcterms:title="x" '),
        of("<rdf:RDF ", '<rdf:RDF xml:other="x" '),
    ],
    "shape.base": [
        of('xml:base="http://mp.stratuslab.eu/"', ""),
        of('xml:base="http://mp.stratuslab.eu/"', 'base="http://mp.stratuslab.eu/"'),
        of('xml:base="http://mp.stratuslab.eu/"', 'xml:base="http://mp.stratuslab.eu"'),
        of('xml:base="http://mp.stratuslab.eu/"', 'xml:base="https://mp.stratuslab.eu/"'),
        of('xml:base="http://mp.stratuslab.eu/"', 'xml:base="HTTP://mp.stratuslab.eu/"'),
        of('xml:base="http://mp.stratuslab.eu/"', 'xml:base="http://mp.stratuslab.eu/ "'),
        of('xml:base="http://mp.stratuslab.eu/"', 'xml:base="http://mp.stratuslab.eu/x"'),
    ],
    "shape.description": [
        made(lambda text: text.replace("</rdf:RDF>", "<rdf:Description/></rdf:RDF>")),
        twice("rdf:Description"),
        without("rdf:Description"),
    ],
    "shape.element": [
        made(lambda text: text.replace("</rdf:RDF>", "<dcterms:title>x</dcterms:title></rdf:RDF>")),
        made(lambda text: text.replace("rdf:Description", "slterms:Image")),
        of("machine</dcterms:type>", "<x/>machine</dcterms:type>"),
        of("A demo image", "A <b>demo</b> image"),
        of(f"{IDENTIFIER}</dcterms:identifier>", f"{IDENTIFIER}<x/></dcterms:identifier>"),
        of("<slreq:algorithm>", "<slreq:bytes>1</slreq:bytes><slreq:algorithm>"),
        of("<slreq:algorithm>", '<x:a xmlns:x="urn:x#"/><slreq:algorithm>'),
        of("<slreq:email>", "<slreq:name>Jane</slreq:name><slreq:email>"),
        of("<slreq:endorser ", "<dcterms:title>x</dcterms:title><slreq:endorser "),
        of("jane.tester@example.org</slreq:email>", "jane.tester@example.org<x/></slreq:email>"),
        last("<slterms:deprecated><x/></slterms:deprecated>"),
    ],
    "shape.count": [
        without("dcterms:identifier"),
        twice("dcterms:identifier"),
        without("slreq:bytes"),
        twice("slreq:bytes"),
        without("dcterms:type"),
        twice("dcterms:type"),
        without("slreq:endorsement"),
        twice("slreq:endorsement"),
        without("slreq:algorithm"),
        twice("slreq:algorithm"),
        without("slreq:value"),
        twice("slreq:value"),
        without("slreq:endorser"),
        twice("slreq:endorser"),
        without("slreq:email"),
        twice("slreq:email"),
        without("slreq:subject"),
        twice("slreq:subject"),
        without("slreq:issuer"),
        twice("slreq:issuer"),
        without("dcterms:created"),
        twice("dcterms:created"),
        twice("slterms:os"),
        twice("slterms:os-version"),
        twice("slterms:os-arch"),
        twice("slterms:version"),
        last("<slterms:deprecated/><slterms:deprecated/>"),
        last("<slterms:serial-number>1</slterms:serial-number>" * 2),
        made(lambda text: text.replace("dcterms:identifier>", "dcterms:Identifier>")),
    ],
    "shape.attribute": [
        of("<rdf:Description ", '<rdf:Description xml:lang="en" '),
        of("<rdf:Description ", '<rdf:Description rdf:nodeID="a" '),
        of("<rdf:Description ", '<rdf:Description dcterms:title="x" '),
        of("<rdf:Description ", '<rdf:Description xml:base="http://example.org/" '),
        of("<dcterms:identifier>", '<dcterms:identifier rdf:datatype="urn:x">'),
        of("<dcterms:title>", '<dcterms:title rdf:parseType="Literal">'),
        of("<dcterms:title>", '<dcterms:title rdf:ID="x">'),
        of("<dcterms:title>", '<dcterms:title parseType="Resource">'),
        of("<dcterms:title>", '<dcterms:title xml:lang="en" xml:space="preserve">'),
        of("<slreq:bytes>", '<slreq:bytes rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">'),
        of("<slreq:email>", '<slreq:email xml:base="http://example.org/">'),
        of("<dcterms:created>", '<dcterms:created a="1">'),
        of("<slreq:checksum ", '<slreq:checksum rdf:ID="x" '),
        of("<slreq:endorsement ", '<slreq:endorsement rdf:resource="urn:x" '),
        of("<slreq:endorser ", '<slreq:endorser slreq:email="evil@example.org" '),
        last('<slterms:location rdf:resource="http://example.org/"/>'),
    ],
    "shape.text": [
        made(lambda text: text.replace("</rdf:RDF>", "words</rdf:RDF>")),
        of("<dcterms:title>", "words<dcterms:title>"),
        of("<dcterms:title>", "\u00a0<dcterms:title>"),
        of("<dcterms:title>", "&#x2003;<dcterms:title>"),
        of("<slreq:algorithm>", "words<slreq:algorithm>"),
        of("<slreq:endorser ", "words<slreq:endorser "),
        of("<slreq:email>", "words<slreq:email>"),
    ],
    "shape.parse-type": [
        of('<slreq:checksum rdf:parseType="Resource">', "<slreq:checksum>"),
        of('<slreq:checksum rdf:parseType="Resource">', '<slreq:checksum rdf:parseType="Literal">'),
        of('<slreq:checksum rdf:parseType="Resource">', '<slreq:checksum rdf:parseType="resource">'),
        of('<slreq:checksum rdf:parseType="Resource">', '<slreq:checksum rdf:parseType="">'),
        of(
            '<slreq:checksum rdf:parseType="Resource">',
            '<slreq:checksum rdf:parseType="Resource" parseType="Resource">',
        ),
        of('<slreq:endorsement rdf:parseType="Resource">', "<slreq:endorsement>"),
        of('<slreq:endorser rdf:parseType="Resource">', '<slreq:endorser parseType="Collection">'),
    ],
    "identifier.about": [
        of(f'rdf:about="#{IDENTIFIER}"', f'rdf:about="#{ANOTHER}"'),
        of(f'rdf:about="#{IDENTIFIER}"', f'rdf:about="{IDENTIFIER}"'),
        of(f'rdf:about="#{IDENTIFIER}"', f'rdf:about="http://mp.stratuslab.eu/#{IDENTIFIER}"'),
        of(f'rdf:about="#{IDENTIFIER}"', f'rdf:about=" #{IDENTIFIER}"'),
        of(f'rdf:about="#{IDENTIFIER}"', f'about="#{IDENTIFIER}"'),
        of(f'rdf:about="#{IDENTIFIER}"', f'rdf:ID="{IDENTIFIER}"'),
        of(f' rdf:about="#{IDENTIFIER}"', ""),
    ],
    "identifier.syntax": [
        of(f">{IDENTIFIER}<", f">{IDENTIFIER[:-1]}<"),
        of(f">{IDENTIFIER}<", f">{IDENTIFIER}A<"),
        of(f">{IDENTIFIER}<", f">{IDENTIFIER}\n<"),
        of(f">{IDENTIFIER}<", f"> {IDENTIFIER}<"),
        of(f">{IDENTIFIER}<", "><"),
        made(lambda text: text.replace(IDENTIFIER, "Q" + IDENTIFIER[1:])),
        made(lambda text: text.replace(IDENTIFIER, "+" + IDENTIFIER[1:])),
        made(lambda text: text.replace(IDENTIFIER, IDENTIFIER[:-1] + "\uff21")),
        made(lambda text: text.replace(IDENTIFIER, IDENTIFIER[:-1] + "\u0410")),
        made(lambda text: text.replace(IDENTIFIER, "../../../../../etc/passwd/x")),
    ],
    "bytes.syntax": [
        made(draft=image(size=size))
        for size in (
            "", "-1", "+1", " 1", "1 ", "1\n", "0x10", "1_000", "1.0", "1e3", "\u0661", "\uff11", "\u00b2", "\u09ea",
            str(2**63), "9" * 19, "1" + "0" * 5000, "one", "1,000",
        )
    ],
    "checksum.algorithm": [
        of("<slreq:algorithm>SHA-1<", f"<slreq:algorithm>{name}<")
        for name in ("SHA1", "sha-1", "SHA-1 ", "", "SHA-224", "CRC32", "SHA-1\n", "\uff33HA-1")
    ],
    "checksum.value": [
        *(
            made(draft=image(checksums=((name, value),)))
            for name, value in (
                ("MD5", MD5 + "a"), ("MD5", MD5[1:]), ("MD5", " "), ("SHA-1", ""), ("MD5", "0" + MD5), ("MD5", MD5[1:] + "g"),
                ("SHA-256", SHA256[1:]), ("SHA-384", SHA256), ("SHA-512", SHA512 + "\n"), ("SHA-256", " " + SHA256[1:]),
                ("SHA-256", "0x" + SHA256[2:]), ("MD5", "\uff11" * 32), ("MD5", "\u0661" * 32),
            )
        ),
        *(
            of(image().sha1_hex, value)
            for value in ("", "-1f", "+1f", "0x1f", " 1f", "1f ", "1f\n", "1_f", "g", "f" * 41, "\uff11f", "0" * 50 + "g")
        ),
    ],
    "checksum.sha1": [
        without("slreq:checksum"),
        of("<slreq:algorithm>SHA-1</slreq:algorithm><slreq:value>" + image().sha1_hex,
           "<slreq:algorithm>MD5</slreq:algorithm><slreq:value>" + MD5),
        made(draft=image(checksums=(("SHA-1", image().sha1_hex),))),
        made(draft=image(checksums=(("SHA-1", "0" * 40),))),
    ],
    "checksum.identifier": [
        made(draft=image(identifier=ANOTHER)),
        of(image().sha1_hex, "0"),
        of(image().sha1_hex, "f" * 40),
    ],
    "endorsement.created": [
        made(created=text)
        for text in (
            "", "2024-05-01", "2024-05-01T12:00:00", "2024-05-01T12:00:00+00:00", "2024-05-01 12:00:00Z",
            "2024-05-01T12:00:00z", "2024-05-01T12:00:00.0Z", " 2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z\n",
            "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-13-01T12:00:00Z", "2024-00-01T12:00:00Z",
            "2024-05-00T12:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T12:60:00Z", "2016-12-31T23:59:60Z",
            "0000-01-01T00:00:00Z", "-024-05-01T12:00:00Z", "12024-05-01T12:00:00Z", "24-05-01T12:00:00Z",
            "\uff12024-05-01T12:00:00Z", "\u0662024-05-01T12:00:00Z", "2024-5-1T12:00:00Z", "../../../x",
        )
    ],
    "endorser.email-syntax": [
        made(identity=make_identity(email=None), email=address)
        for address in (
            " ", "jane", "@example.org", "jane@", "jane@@example.org", "jane@example..org", "jane@.example.org",
            "jane@example.org.", "jane@example.org ", " jane@example.org", "jane@example.org\n", "jane@exam ple.org",
            "j\u0430ne@example.org", "jane@ex\u0430mple.org", "\uff4aane@example.org", "jane@example\u3002org",
            "ja\u200bne@example.org", "jane@example.org\u200b", "jane/../x@example.org", "../../x@example.org",
            "a@b,c@d", "a@b c@d", "Jane <jane@example.org>", "jane@[127.0.0.1]", '"jane"@example.org', "jane@ex_ample.org",
            "jane'or'1@example.org", "j\u00e4ne@example.org", "x" * 243 + "@example.org", "jane@example.org\r\nBcc: x@y.z",
        )
    ],
    "valid.syntax": [
        made(draft=image(valid=text))
        for text in ("tomorrow", " ", "2024-05-01", "2024-02-30T12:00:00Z", "2024-05-01T12:00:00Z ", "9999-99-99T99:99:99Z")
    ],
    "port.range": [
        last(f"<slterms:{side}-port>{text}</slterms:{side}-port>")
        for side in ("inbound", "outbound")
        for text in ("65536", "-1", "", "http", "\uff18\uff10", "8_0", "0x50", " 80", "80\n", "1" + "0" * 5000)
    ],
    "icmp.range": [last(f"<slterms:icmp>{text}</slterms:icmp>") for text in ("256", "-1", "", "\u0668", "+8", "8.0")],
    "extension.element": [
        last("<slreq:bytes_>1</slreq:bytes_>"),
        last("<slreq:email>evil@example.org</slreq:email>"),
        last("<slreq:endorser/>"),
        last("<rdf:Description/>"),
        last(f'<rdf:Description rdf:about="#{ANOTHER}"><dcterms:title>x</dcterms:title></rdf:Description>'),
        last("<rdf:RDF/>"),
        last('<x:a xmlns:x="urn:x#"><rdf:Description/></x:a>'),
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Resource"><slreq:bytes>1</slreq:bytes></x:a>'),
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Resource"><x:b rdf:parseType="Resource"><slreq:x/></x:b></x:a>'),
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><rdf:Description/></x:a>'),
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns=""><rdf:RDF/></b></x:a>'),
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><slreq:checksum/></x:a>'),
    ],
    "extension.attribute": [
        last(f'<x:a xmlns:x="urn:x#" {attribute}/>')
        for attribute in (
            'x:b="1"', 'dcterms:title="x"', 'a="1"', 'rdf:about="#x"', f'rdf:ID="{ANOTHER}"', 'rdf:nodeID="a"',
            'rdf:bagID="a"', 'rdf:type="urn:x"', 'rdf:aboutEach="urn:x"', 'xml:base="http://example.org/"', 'rdf:li="1"',
            'resource="urn:x"', 'about="urn:x"',
        )
    ]
    + [
        last(f'<x:a xmlns:x="urn:x#"><slterms:Image rdf:about="#{ANOTHER}"><dcterms:title>x</dcterms:title></slterms:Image></x:a>'),
        last(f'<x:a xmlns:x="urn:x#" rdf:parseType="Resource"><x:b rdf:ID="{ANOTHER}">1</x:b></x:a>'),
        last('<x:a xmlns:x="urn:x#"><x:T dcterms:title="x"/></x:a>'),
    ],
    "extension.parse-type": [
        last(f'<x:a xmlns:x="urn:x#" {name}="{value}"/>')
        for name in ("rdf:parseType", "parseType")
        for value in ("Collection", "resource", "", "Statement", "Literal ")
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "data"), [(name, data) for name, documents in REFUSED.items() for data in documents]
)
def test_documents_that_break_a_rule_are_refused_by_that_rule(expected: str, data: bytes) -> None:
    found = refusal(data)
    assert found.code == expected, found.message
    assert isinstance(found, ConstraintError)
    assert found.step == 4


def test_codes_are_those_of_the_first_broken_rule() -> None:
    assert code(made(draft=image(size="x", valid="y"))) == "bytes.syntax"
