"""Each facet stands wherever people and programs meet facets: a table that lacks one fails here."""

from __future__ import annotations

import pytest

from marketplace.api.filters import _MEANINGS
from marketplace.catalogue.facts import SPELLED, Facet
from marketplace.catalogue.loading import _Row, _spelled
from marketplace.cli.search import _FILTERS, search
from marketplace.pages.search_page import LABELS
from tests.launching import ROOT


def test_every_facet_has_a_label_a_meaning_and_an_option() -> None:
    names = {facet.value for facet in Facet}
    assert set(LABELS) == set(Facet), "marketplace/pages/search_page.py"
    assert set(_MEANINGS) == set(Facet), "marketplace/api/filters.py"
    assert set(_FILTERS.values()) == names, "marketplace/cli/search.py"
    assert set(_FILTERS) <= {one.name for one in search.params}, "an option of marketplace/cli/search.py"


@pytest.mark.parametrize("facet", Facet)
def test_every_facet_is_in_the_documentation_of_the_interface(facet: Facet) -> None:
    assert f"`{facet.value}" in (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_facet_of_entries_has_its_values_from_the_table() -> None:
    flags = {"has_web": True, "has_pdisk": False}
    row = _Row._make(flags.get(name, name) for name in _Row._fields)
    found = dict(zip(SPELLED, _spelled(row, ("tag",)), strict=True))
    assert found[Facet.OS_VERSION] == ("os_version",) and found[Facet.FORMAT] == ("format",)
    assert found[Facet.ENDORSER] == ("email",) and found[Facet.TAG] == ("tag",)
