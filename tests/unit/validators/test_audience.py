"""Who an entry is signed for."""

from __future__ import annotations

import pytest

from tests.factories.documents import image, signed
from tests.factories.entries import metadata
from validators import accept
from validators.audience import Audience, read_audience
from validators.document import Term
from validators.vocabulary import dcterms


def said(*pairs: tuple[str, str]) -> Audience:
    return read_audience(metadata(terms=tuple(Term(dcterms(name), text) for name, text in pairs)))


@pytest.mark.parametrize("text", ["private", "Private", "PRIVATE", "\n  private\t"])
def test_private_is_recognised_as_people_write_it(text):
    assert said(("accessRights", text)) == Audience(True, ())


@pytest.mark.parametrize(
    "text", ["", "public", "private use allowed", "not private", "pr\u0456vate", "\u00a0private"]
)
def test_any_other_text_is_for_people(text):
    assert said(("accessRights", text)) == Audience(False, ())


def test_the_narrower_of_two_statements_counts():
    assert said(("accessRights", "public"), ("accessRights", "private")).private


def test_groups_are_named_one_an_element_and_once():
    assert said(
        ("accessRights", "private"), ("audience", " astro "), ("audience", "bio"), ("audience", "astro"),
        ("audience", ""),
    ) == Audience(True, ("astro", "bio"))  # fmt: skip


def test_an_audience_alone_restricts_nothing():
    assert said(("audience", "grid operators")) == Audience(False, ())


def test_it_is_read_from_a_signed_document():
    extra = "<dcterms:accessRights>private</dcterms:accessRights><dcterms:audience>astro</dcterms:audience>"
    assert read_audience(accept(signed(image(extra=extra))).metadata) == Audience(True, ("astro",))
