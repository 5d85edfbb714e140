"""Step 6: the content is RDF about its own image, and its statements can be read."""

from __future__ import annotations

import pyoxigraph
import pytest

from marketplace.sparql.triples import triples
from tests.factories.documents import image, unsigned
from tests.unit.validators.judging import code, made, put_last, refusal, replaced
from validators import accept
from validators.errors import RefusedError
from validators.vocabulary import DCTERMS, SLREQ

ABOUT = pyoxigraph.NamedNode("http://mp.stratuslab.eu/#" + image().about)


@pytest.mark.parametrize(
    "xml",
    [
        '<x:a xmlns:x="urn:x#" rdf:resource="http://example.org/a&#10;b"/>',
        '<x:a xmlns:x="urn:x#" rdf:resource="http://example.org/a b"/>',
        '<x:a xmlns:x="urn:x#" rdf:resource="http://example.org/&lt;a>"/>',
        '<x:a xmlns:x="urn:x#" rdf:resource="http://[example.org/"/>',
        '<x:a xmlns:x="urn:x#" rdf:datatype="not an iri">1</x:a>',
        '<x:a xmlns:x="urn:x#" xml:lang="not a language">1</x:a>',
        '<x:a xmlns:x="urn:x#" rdf:resource="urn:x">text</x:a>',
        '<x:a xmlns:x="urn:x#" rdf:parseType="Resource">text</x:a>',
        '<x:a xmlns:x="urn:x#">text<x:T/></x:a>',
        '<x:a xmlns:x="urn:x#"><x:T/><x:T/></x:a>',
        "<a>in no namespace</a>",
        "<rdf:aboutEach>x</rdf:aboutEach>",
        '<dcterms:title xml:lang="no language">x</dcterms:title>',
        '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"/>',
        '<x:a xmlns:x="urn:x#"><rdf:about>1</rdf:about></x:a>',
        '<x:a xmlns:x="urn:x#" rdf:resource="urn:x"><x:T/></x:a>',
        '<x:a xmlns:x="urn:x#"><x:T rdf:parseType="Literal"><x:p><x:U rdf:about="urn:y"/></x:p></x:T></x:a>',
        '<x:a xmlns:x="urn:x#" xmlns:xmlx="urn:y#"><xmlx:T/></x:a>',
    ],
)
def test_what_is_no_rdf_is_refused(xml: str) -> None:
    found = refusal(made(put_last(xml)))
    assert found.code == "rdf.syntax"
    assert found.step == 6


def statements(data: bytes) -> set[tuple[str, str, str]]:
    return {(str(t.subject), t.predicate.value, str(t.object)) for t in triples(data)}


def test_the_statements_are_those_of_the_document_without_its_signature() -> None:
    found = statements(made(draft=image(tags=("t",))))
    assert (str(ABOUT), DCTERMS + "alternative", '"t"') in found
    assert not [one for one in found if "xmldsig" in one[1]]
    assert (
        len({subject for subject, _, _ in found}) == 4
    )  # the image, a checksum, the endorsement, the endorser


def test_a_bare_parse_type_is_qualified_outside_of_literals_only() -> None:
    def bare(text: str) -> str:
        return text.replace('rdf:parseType="Resource"', 'parseType="Resource"')

    def count(data: bytes) -> int:
        return len(triples(data))

    assert count(made(bare)) == count(made())
    literal = '<x:a xmlns:x="urn:x#" parseType="Literal"><b xmlns="" parseType="Resource">1</b></x:a>'
    values = [t.object.value for t in triples(made(put_last(literal))) if t.predicate.value == "urn:x#a"]
    assert len(values) == 1
    assert 'parseType="Resource"' in values[0]
    assert "rdf:parseType" not in values[0]


def test_an_image_may_be_described_with_parts() -> None:
    found = statements(made(put_last('<x:a xmlns:x="urn:x#"><x:T><x:p>1</x:p></x:T></x:a>')))
    assert any(predicate == "urn:x#p" for _, predicate, _ in found)


def test_the_endorser_can_be_found_through_the_statements() -> None:
    graph = {(t.subject, t.predicate.value): t.object for t in triples(made())}
    endorsement = graph[ABOUT, SLREQ + "endorsement"]
    endorser = graph[endorsement, SLREQ + "endorser"]
    assert graph[endorser, SLREQ + "email"].value == "jane.tester@example.org"


@pytest.mark.parametrize("data", [b"", b"<a/>", unsigned(), b"<!DOCTYPE a><a/>"])
def test_what_is_no_entry_has_no_statements(data: bytes) -> None:
    with pytest.raises(RefusedError):
        triples(data)


def test_relative_references_are_relative_to_the_base() -> None:
    data = made(put_last('<x:a xmlns:x="urn:x#" rdf:resource="#other"/>'))
    assert accept(data)
    assert (str(ABOUT), "urn:x#a", "<http://mp.stratuslab.eu/#other>") in statements(data)


def test_titles_with_languages_are_kept() -> None:
    data = made(replaced("<dcterms:title>", '<dcterms:title xml:lang="de">'))
    assert (str(ABOUT), DCTERMS + "title", '"A demo image"@de') in statements(data)
    assert code(data.replace(b'"de"', b'"fr"')) == "signature.digest"
