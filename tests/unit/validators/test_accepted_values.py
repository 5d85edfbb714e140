"""Step 4: which spellings of values are accepted, and what is read of them."""

# ruff: noqa: E501  # A case a line is easier to compare than cases that are broken up.

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.factories.documents import image
from tests.factories.identities import make_identity
from tests.unit.validators.altered_values import MD5, SHA256, SHA384, SHA512, last, of
from tests.unit.validators.judging import Hook, made, put_last, replaced
from validators import accept
from validators.document import Checksum, Term
from validators.vocabulary import dcterms, slterms

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
