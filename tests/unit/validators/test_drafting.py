"""Drafts made from facts and from earlier entries: they sign, and say what they were asked to say."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from tests.factories.documents import draft_xml, image, signed
from tests.factories.identities import make_identity
from validators import accept
from validators import vocabulary as v
from validators.drafting import ImageContent, content_of, new_draft, next_draft
from validators.errors import RefusedError
from validators.identifier import identifier_from_sha1
from validators.lint import verify_draft
from validators.lint.properties import image_property
from validators.signing import sign
from validators.signing_errors import DraftError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHA1 = hashlib.sha1(b"new").hexdigest()
CONTENT = ImageContent(identifier_from_sha1(SHA1), 77, {"SHA-1": SHA1, "SHA-512": "ab" * 64})
TERMS = {
    v.TITLE: ["A title & more"],
    v.ALTERNATIVE: ["one", "two"],
    v.LOCATION: ["https://images.example.org/a"],
    v.dcterms("license"): ["CC0-1.0"],
    image_property("image_original_user"): ["debian"],
    "{http://example.org/x#}own": ["thing"],
}


def test_a_new_draft_signs_and_says_what_it_was_asked_to() -> None:
    entry = accept(sign(new_draft(CONTENT, "machine", TERMS), make_identity().signing, NOW))
    metadata = entry.metadata
    assert (entry.identifier, metadata.size, metadata.type) == (CONTENT.identifier, 77, "machine")
    assert {one.algorithm: one.value for one in metadata.checksums} == CONTENT.checksums
    assert (metadata.title, metadata.tags) == ("A title & more", ("one", "two"))
    assert {one.name: one.text for one in metadata.extensions} == {
        v.dcterms("license"): "CC0-1.0",
        image_property("image_original_user"): "debian",
        "{http://example.org/x#}own": "thing",
    }


def test_a_draft_is_laid_out_for_people() -> None:
    lines = new_draft(CONTENT, "machine", TERMS).decode().splitlines()
    assert "    <dcterms:title>A title &amp; more</dcterms:title>" in lines
    assert "    <slreq:bytes>77</slreq:bytes>" in lines
    assert max(map(len, lines)) < 350


def test_the_next_draft_takes_everything_else_over() -> None:
    old = signed(
        image(
            deprecated="broken",
            record_created="2020-01-01T00:00:00Z",
            tags=("stable",),
            extra='<dcterms:replaces>x</dcterms:replaces><b:tool xmlns:b="http://example.org/b#" '
            'rdf:parseType="Resource"><b:name>kept</b:name></b:tool>',
        )
    )
    document = next_draft(
        old, CONTENT, {v.VERSION: ["2.0"], v.OS_VERSION: [], v.dcterms("replaces"): ["A" * 27]}
    )
    new = verify_draft(document, NOW)
    assert (new.version, new.os, new.os_version, new.deprecated) == ("2.0", "debian", None, None)
    assert new.tags == ("stable",)
    assert (new.size, len(new.checksums), new.locations) == (77, 2, ())
    assert [term.text for term in new.terms if term.name == v.dcterms("replaces")] == ["A" * 27]
    assert [one.children[0].text for one in new.extensions] == ["kept"]
    assert not [term for term in new.terms if term.name == v.CREATED]
    assert b"Signature" not in document
    assert not [line for line in document.decode().splitlines() if not line.strip()]
    assert accept(sign(document, make_identity().signing, NOW)).identifier == CONTENT.identifier


def test_the_next_statement_about_the_same_image_keeps_what_is_true_of_it() -> None:
    old = signed(image(deprecated="broken", extra="<dcterms:replaces>x</dcterms:replaces>"))
    entry = accept(old)
    content = ImageContent(entry.identifier, 77, {"SHA-1": entry.metadata.checksums[0].value})
    new = verify_draft(next_draft(old, content, {}), NOW)
    assert (new.locations, new.deprecated) == (entry.metadata.locations, None)
    assert [term.text for term in new.terms if term.name == v.dcterms("replaces")] == ["x"]


@pytest.mark.parametrize(
    "extra",
    [
        "<dcterms:valid/>text<dcterms:creator>a</dcterms:creator>",
        "text<dcterms:valid/>",
        "<dcterms:valid/>text",
    ],
)
def test_text_between_elements_stays(extra) -> None:
    document = next_draft(draft_xml(image(extra=extra)).encode(), CONTENT, {v.VALID: []})
    assert b"text" in document
    assert b"dcterms:valid" not in document


def test_a_draft_without_checksums_gets_them() -> None:
    text = draft_xml(image()).encode()
    start, end = text.index(b"<slreq:checksum"), text.index(b"</slreq:checksum>") + len(b"</slreq:checksum>")
    assert len(verify_draft(next_draft(text[:start] + text[end:], CONTENT, {}), NOW).checksums) == 2


@pytest.mark.parametrize("value", ["\x00", "\x0b", "\ufffe"])
def test_characters_that_xml_has_not_are_refused_by_name(value) -> None:
    with pytest.raises(DraftError, match="dcterms:title"):
        new_draft(CONTENT, "machine", {v.TITLE: [value]})


def test_what_is_no_metadata_is_refused() -> None:
    with pytest.raises(DraftError):
        next_draft(b"<a/>", CONTENT, {})
    with pytest.raises(RefusedError):
        next_draft(b"<!DOCTYPE a><a/>", CONTENT, {})


def test_two_that_say_the_same_are_equal_whatever_their_order() -> None:
    one = verify_draft(new_draft(CONTENT, "machine", TERMS), NOW)
    two = verify_draft(new_draft(CONTENT, "machine", dict(reversed(TERMS.items()))), NOW)
    more = verify_draft(new_draft(CONTENT, "machine", TERMS | {v.OS: ["debian"]}), NOW)
    twice = verify_draft(new_draft(CONTENT, "machine", TERMS | {v.ALTERNATIVE: ["one", "one", "two"]}), NOW)
    capitals = ImageContent(
        CONTENT.identifier, 77, {name: text.upper() for name, text in CONTENT.checksums.items()}
    )
    assert (
        content_of(one)
        == content_of(two)
        == content_of(verify_draft(new_draft(capitals, "machine", TERMS), NOW))
    )
    assert len({content_of(one), content_of(more), content_of(twice)}) == 3
