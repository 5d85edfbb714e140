"""Step 4: shape and values of the signed content."""

# ruff: noqa: E501  # A case a line is easier to compare than cases that are broken up.

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.factories.documents import image
from tests.factories.identities import make_identity
from tests.unit.validators.judging import Hook, code, made, put_last, refusal, replaced
from validators import accept
from validators.document import Checksum, Term
from validators.errors import ConstraintError
from validators.vocabulary import dcterms, slterms

MD5, SHA256, SHA384, SHA512 = "a" * 32, "b" * 64, "c" * 96, "D" * 128
IDENTIFIER = image().about
ANOTHER = image(content="another").about

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def of(old: str, new: str) -> bytes:
    return made(replaced(old, new))


def last(xml: str) -> bytes:
    return made(put_last(xml))


def without(element: str) -> bytes:
    def hook(text: str) -> str:
        found = re.findall(rf"<{element}[ >].*?</{element}>", text, re.S)
        assert len(found) == 1
        return text.replace(found[0], "")

    return made(hook)


def twice(element: str) -> bytes:
    def hook(text: str) -> str:
        found = re.search(rf"<{element}[ >].*?</{element}>", text, re.S)
        assert found is not None
        return text.replace(found[0], found[0] * 2)

    return made(hook)


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


ACCEPTED: list[Hook] = [
    put_last("<dcterms:valid/>"),
    put_last("<dcterms:valid></dcterms:valid>"),
    put_last('<dcterms:valid xml:lang="en">2030-01-01T00:00:00Z</dcterms:valid>'),
    put_last("<slterms:inbound-port>0</slterms:inbound-port><slterms:inbound-port>65535</slterms:inbound-port>"),
    put_last("<slterms:outbound-port>00080</slterms:outbound-port><slterms:icmp>255</slterms:icmp>"),
    put_last("<slterms:serial-number>1</slterms:serial-number><slterms:unknown>x</slterms:unknown>"),
    put_last("<dcterms:relation>x</dcterms:relation><dcterms:subject xml:lang='fr'>y</dcterms:subject>"),
    replaced('<slreq:endorsement rdf:parseType="Resource">', '<slreq:endorsement parseType="Resource">'),
    replaced('<slreq:checksum rdf:parseType="Resource">', '<slreq:checksum xml:lang="en" parseType="Resource">'),
    replaced("<rdf:RDF ", '<rdf:RDF xml:lang="en" '),
    replaced("<dcterms:title>", '<dcterms:title xml:lang="de-AT">'),
    replaced("<slreq:bytes>", '<slreq:bytes xml:lang="en">'),
    replaced("<slreq:bytes>", "<slreq:bytes>" + "0" * 5000),
    replaced("A demo image", ""),
    put_last('<x:a xmlns:x="urn:x#" rdf:resource="http://example.org/a?b=c&amp;d"/>'),
    put_last('<x:a xmlns:x="urn:x#" rdf:datatype="http://www.w3.org/2001/XMLSchema#int">5</x:a>'),
    put_last('<x:a xmlns:x="urn:x#" xml:lang="en" xml:space="preserve"> text </x:a>'),
    put_last('<x:a xmlns:x="urn:x#" parseType="Resource"><x:b>1</x:b><dcterms:identifier>i</dcterms:identifier></x:a>'),
    put_last('<x:a xmlns:x="urn:x#" parseType="Literal"><b xmlns="" parseType="kept" about="#x">1</b></x:a>'),
    put_last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><i xmlns="" id="1">in <b>no</b> namespace</i></x:a>'),
    put_last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><y:T xmlns:y="urn:y" rdf:about="#x" y:z="1"/></x:a>'),
    put_last('<x:a xmlns:x="urn:x#"><x:T><x:p>1</x:p></x:T></x:a>'),
    put_last('<x:a xmlns:x="urn:x#"><rdf:Bag><rdf:li>1</rdf:li><rdf:li>2</rdf:li></rdf:Bag></x:a>'),
    put_last('<bio:tool xmlns:bio="http://www.france-bioinformatique.fr/bio#" rdf:parseType="Resource">'
             "<dcterms:identifier>blast</dcterms:identifier><dcterms:description>d</dcterms:description>"
             "<slterms:version>2.2</slterms:version></bio:tool>"),
]  # fmt: skip


@pytest.mark.parametrize("hook", ACCEPTED)
def test_legitimate_variants_are_accepted(hook: Hook) -> None:
    assert accept(made(hook))


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1, "0" * 30 + "7"])
def test_sizes_up_to_63_bits_are_accepted(size: int | str) -> None:
    assert accept(made(draft=image(size=size))).metadata.size == int(size)


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "A.b+c%d_e-f@Sub-Domain.Example.ORG",
        "1@2.3",
        "x" * 242 + "@example.org",
        "jane..tester@example.org",
    ],
)
def test_addresses_of_the_format_are_accepted(address: str) -> None:
    entry = accept(made(identity=make_identity(email=None), email=address))
    assert entry.endorser.email == address
    assert entry.signer.email is None


@pytest.mark.parametrize(
    "spelling", [str.upper, str.lower, lambda text: "000" + text, lambda text: "0" * 500 + text]
)
def test_sha1_may_be_written_as_a_number(spelling) -> None:
    hex_digits = image().sha1_hex
    entry = accept(of(hex_digits, spelling(hex_digits)))
    assert entry.metadata.checksums == (Checksum("SHA-1", spelling(hex_digits)),)


def test_sha1_may_lack_leading_zeros() -> None:
    small = "000000000000000000000000000000000000001f"
    draft = image(sha1=small)
    assert accept(made(replaced(small, "1f"), draft)).identifier == "A" * 25 + "Af"
    zero = image(sha1="0" * 40)
    assert accept(made(replaced("0" * 40, "0"), zero)).identifier == "A" * 27


@pytest.mark.parametrize("names", [("MD5",), ("MD5", "SHA-256", "SHA-384", "SHA-512")])
def test_an_empty_value_of_another_algorithm_counts_as_absent(names: tuple[str, ...]) -> None:
    draft = image(checksums=tuple((name, "") for name in names))
    assert [one.algorithm for one in accept(made(draft=draft)).metadata.checksums] == ["SHA-1"]
    # It makes no room for another value of the same algorithm, and takes none away.
    both = image(checksums=(("MD5", ""), ("MD5", MD5)))
    assert [one.value for one in accept(made(draft=both)).metadata.checksums][1:] == [MD5]


def test_every_value_is_read_where_it_stands() -> None:
    draft = image(
        size=7,
        checksums=(("MD5", MD5), ("SHA-256", SHA256), ("SHA-384", SHA384), ("SHA-512", SHA512)),
        type="grid",
        kind="disk",
        compression="xz",
        publisher="Us",
        valid="2030-01-01T00:00:00Z",
        deprecated="",
        tags=("one", "two"),
        locations=("http://example.org/a", "pdisk:host:1:uuid"),
    )
    metadata = accept(made(replaced("<dcterms:title>", '<dcterms:title xml:lang="en">'), draft)).metadata
    assert metadata.size == 7
    assert [checksum.algorithm for checksum in metadata.checksums] == [
        "SHA-1",
        "MD5",
        "SHA-256",
        "SHA-384",
        "SHA-512",
    ]
    assert (metadata.type, metadata.kind, metadata.format) == ("grid", "disk", "qcow2")
    assert metadata.valid == datetime(2030, 1, 1, tzinfo=UTC)
    assert metadata.deprecated == ""
    assert (metadata.title, metadata.description) == ("A demo image", "A small image for tests.")
    assert (metadata.os, metadata.os_version, metadata.os_arch) == ("debian", "13", "x86_64")
    assert (metadata.version, metadata.publisher) == ("1.0", "Us")
    assert metadata.tags == ("one", "two")
    assert metadata.locations == ("http://example.org/a", "pdisk:host:1:uuid")
    assert Term(dcterms("title"), "A demo image", "en") in metadata.terms
    assert Term(dcterms("compression"), "xz", None) in metadata.terms
    assert [term.text for term in metadata.terms if term.name == slterms("location")] == list(
        metadata.locations
    )
    assert dcterms("identifier") not in {term.name for term in metadata.terms}


def test_absent_values_are_none() -> None:
    bare = image(
        kind=None, os=None, os_version=None, os_arch=None, version=None, format=None, title=None, description=None,
        creator=None, locations=(),
    )  # fmt: skip
    metadata = accept(made(draft=bare)).metadata
    assert metadata.terms == metadata.extensions == metadata.tags == metadata.locations == ()
    assert metadata.title is metadata.valid is metadata.deprecated is metadata.kind is None


def test_the_earliest_of_several_expiry_times_counts() -> None:
    times = "".join(f"<dcterms:valid>{year}-01-01T00:00:00Z</dcterms:valid>" for year in (2031, 2030, 2032))
    assert accept(last(times + "<dcterms:valid/>")).metadata.valid == datetime(2030, 1, 1, tzinfo=UTC)


def test_elements_are_found_in_any_order_and_with_any_prefix() -> None:
    def shuffle(text: str) -> str:
        start, end = text.index(">\n", text.index("<rdf:Description")) + 2, text.index("  </rdf:Description>")
        lines = text[start:end].splitlines()
        text = text[:start] + "\n".join(reversed(lines)) + text[end:]
        return (
            text.replace("dcterms:", "d:")
            .replace("xmlns:dcterms", "xmlns:d")
            .replace("slreq:", "")
            .replace("xmlns:slreq", "xmlns")
        )

    assert accept(made(shuffle)).metadata.title == "A demo image"


def test_the_record_s_own_creation_time_is_not_the_endorsement_s() -> None:
    draft = image(record_created="about 1999")
    assert accept(made(draft=draft)).created == datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_two_values_for_one_thing_in_different_vocabularies_do_not_mix() -> None:
    data = last('<x:title xmlns:x="urn:x#">Other</x:title><title xmlns="urn:y#">Third</title>')
    metadata = accept(data).metadata
    assert metadata.title == "A demo image"
    assert [extension.text for extension in metadata.extensions] == ["Other", "Third"]


def test_codes_are_those_of_the_first_broken_rule() -> None:
    assert code(made(draft=image(size="x", valid="y"))) == "bytes.syntax"
