"""Drafts of an endorser's next statement: one thing changes, all else stays byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.factories.documents import CREATED, image, signed, unsigned
from tests.factories.identities import make_identity
from validators import accept
from validators.errors import RefusedError
from validators.revision import (
    changes_between,
    with_deprecated,
    with_tag,
    with_valid,
    without_deprecated,
    without_tag,
)
from validators.revision import unsigned as without_signature
from validators.signing import sign
from validators.signing_errors import DraftError

UNTIL = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2024, 6, 1, tzinfo=UTC)


def lines(data: bytes) -> list[str]:
    return data.decode().splitlines()


def test_a_date_is_replaced_in_its_place() -> None:
    document = signed(image(valid="2030-01-01T00:00:00Z"))
    before, after = lines(without_signature(document)), lines(with_valid(document, UNTIL))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [(old.strip(), new.strip()) for old, new in changed] == [
        (
            "<dcterms:valid>2030-01-01T00:00:00Z</dcterms:valid>",
            "<dcterms:valid>2031-01-02T03:04:05Z</dcterms:valid>",
        )
    ]


@pytest.mark.parametrize(
    "extra",
    [
        '<dcterms:valid xml:lang="en"/><!-- kept --><x:y xmlns:x="http://x/">z</x:y>',
        "<dcterms:valid></dcterms:valid>",
        "",
    ],
)
def test_the_result_can_be_signed_and_says_the_new_date(extra: str) -> None:
    identity = make_identity()
    entry = accept(sign(with_valid(unsigned(image(extra=extra)), UNTIL), identity.signing, LATER))
    assert entry.metadata.valid == UNTIL
    assert [one.name for one in entry.metadata.terms].count("{http://purl.org/dc/terms/}valid") == 1


def test_a_reason_is_any_text() -> None:
    reason = "<b>&amp; ]]> ü \N{PILE OF POO}"
    draft = with_deprecated(signed(image(deprecated="")), reason)
    entry = accept(sign(draft, make_identity().signing, LATER))
    assert entry.metadata.deprecated == reason
    assert accept(signed(image(), created=CREATED)).metadata.deprecated is None


@pytest.mark.parametrize("reason", ["nul\0", "control\x01", "half \ud800"])
def test_what_xml_cannot_hold_is_refused(reason: str) -> None:
    with pytest.raises(DraftError):
        with_deprecated(signed(image()), reason)


@pytest.mark.parametrize("document", [b"", b"<a/>", b"<!DOCTYPE a><a/>", b"\xff", b"<a>" * 40 + b"</a>" * 40])
def test_what_is_no_metadata_is_refused(document: bytes) -> None:
    with pytest.raises((DraftError, RefusedError)):
        with_valid(document, UNTIL)


def test_a_tag_comes_and_goes_and_all_else_stays() -> None:
    document = signed(image(tags=("a", "b")))
    bare = without_signature(document)
    draft = with_tag(document, "<c> & d")
    assert b"<dcterms:alternative>&lt;c&gt; &amp; d</dcterms:alternative>" in draft
    again = sign(draft, make_identity(), LATER)
    assert accept(again).metadata.tags == ("a", "b", "<c> & d")
    fewer = without_tag(again, "a")
    assert accept(sign(fewer, make_identity(), LATER)).metadata.tags == ("b", "<c> & d")
    assert without_tag(document, "none of them") == bare


def test_a_deprecation_is_taken_back_with_what_replaced_the_image() -> None:
    document = signed(image(title="kept"))
    withdrawn = sign(with_deprecated(document, "old", "A" * 27), make_identity(), LATER)
    assert accept(withdrawn).metadata.deprecated == "old"
    names = {term.name: term.text for term in accept(withdrawn).metadata.terms}
    assert names["{http://purl.org/dc/terms/}isReplacedBy"] == "A" * 27
    again = accept(sign(without_deprecated(withdrawn), make_identity(), LATER))
    assert again.metadata == accept(document).metadata


def test_a_tag_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(DraftError, match="tag"):
        with_tag(signed(image()), "a\x01")


def test_changes_are_told_value_by_value() -> None:
    document = signed(image(valid="2030-01-01T00:00:00Z", tags=("a", "a", "b")))
    assert changes_between(document, document) == []
    assert changes_between(document, with_valid(document, UNTIL)) == [
        "- dcterms:valid 2030-01-01T00:00:00Z",
        "+ dcterms:valid 2031-01-02T03:04:05Z",
    ]
    assert changes_between(document, with_tag(document, "c")) == ["+ dcterms:alternative c"]
    assert changes_between(document, without_tag(document, "a")) == ["- dcterms:alternative a"] * 2
