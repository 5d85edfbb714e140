"""Facets where they are not made from their table: in the documentation, and from rows of the database."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from marketplace.catalogue.facts import COLUMNS, SPELLED
from marketplace.catalogue.loading import spelled_by
from marketplace.facets import Facet
from marketplace.rules.columns import SEARCHABLE
from tests.launching import ROOT


@pytest.mark.parametrize("facet", Facet)
def test_every_facet_is_in_the_documentation_of_the_interface(facet: Facet) -> None:
    assert f"`{facet.value}" in (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_facet_of_entries_has_its_values_from_the_table() -> None:
    columns = ("os", "os_version", "os_arch", "kind", "format", "email")
    row = SimpleNamespace(**dict(zip(columns, columns, strict=True)), has_web=True, has_pdisk=False)
    found = dict(zip(SPELLED, spelled_by(row, ("tag",)), strict=True))
    assert found[Facet.OS_VERSION] == ("os_version",) and found[Facet.FORMAT] == ("format",)
    assert found[Facet.ENDORSER] == ("email",) and found[Facet.TAG] == ("tag",)


def test_columns_with_a_search_of_their_own_are_facets() -> None:
    assert COLUMNS.keys() == SEARCHABLE
