"""Extensions are kept whole: names, attributes, nesting and text."""

from __future__ import annotations

from tests.unit.validators.judging import made, put_last
from validators import accept
from validators.document import Attribute, Extension
from validators.vocabulary import DATATYPE, PARSE_TYPE, RDF_RESOURCE, XML_LANG, dcterms, slterms

BIO = "{http://www.france-bioinformatique.fr/bio#}"


def extensions(xml: str) -> tuple[Extension, ...]:
    return accept(made(put_last(xml))).metadata.extensions


def test_a_nested_extension_is_kept_whole() -> None:
    (tool,) = extensions(
        '<bio:tool xmlns:bio="http://www.france-bioinformatique.fr/bio#" rdf:parseType="Resource">'
        "<dcterms:identifier>blast</dcterms:identifier>"
        '<bio:topic rdf:resource="http://example.org/t"/><slterms:version>2.2</slterms:version></bio:tool>'
    )
    assert tool.name == BIO + "tool"
    assert tool.attributes == (Attribute(PARSE_TYPE, "Resource"),)
    assert [child.name for child in tool.children] == [
        dcterms("identifier"),
        BIO + "topic",
        slterms("version"),
    ]
    assert tool.children[1].attributes == (Attribute(RDF_RESOURCE, "http://example.org/t"),)
    assert tool.children[2].text == "2.2"


def test_language_and_datatype_are_kept() -> None:
    first, second = extensions(
        '<x:a xmlns:x="urn:x#" xml:lang="de">eins</x:a>'
        '<x:b xmlns:x="urn:x#" rdf:datatype="http://www.w3.org/2001/XMLSchema#int">2</x:b>'
    )
    assert first.attributes == (Attribute(XML_LANG, "de"),)
    assert second.attributes == (Attribute(DATATYPE, "http://www.w3.org/2001/XMLSchema#int"),)


def test_mixed_text_of_a_literal_is_kept_in_order() -> None:
    (literal,) = extensions(
        '<x:a xmlns:x="urn:x#" rdf:parseType="Literal">one <b xmlns="" k="v">two<?p i?> three</b>'
        " four<!-- gone --> five<?p i?> six</x:a>"
    )
    assert literal.text == "one "
    (bold,) = literal.children
    assert (bold.name, bold.text, bold.tail) == ("b", "two three", " four five six")
    assert bold.attributes == (Attribute("k", "v"),)


def test_text_between_instructions_at_the_start_of_a_literal_is_kept() -> None:
    (literal,) = extensions(
        '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><?p?>one<?p?> two<b xmlns=""/></x:a>'
    )
    assert literal.text == "one two"


def test_order_is_the_document_s() -> None:
    found = extensions("".join(f'<x:n{n} xmlns:x="urn:x#">{n}</x:n{n}>' for n in (3, 1, 2)))
    assert [extension.text for extension in found] == ["3", "1", "2"]
