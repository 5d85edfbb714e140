"""Where uploads go, and the records that the writer stores with them: values that only one module makes."""

from __future__ import annotations

import ast

import pytest

from marketplace.access.principal import PUBLIC, Principal, Scope, group_log
from marketplace.audit import OwedRecord
from marketplace.ingest.addressing import Address, AsSigned, ToEverybody, ToGroup
from tests.factories.entries import accepted
from tests.launching import ROOT
from validators.document import AcceptedEntry, Term
from validators.vocabulary import dcterms

JANE = Principal("jane", frozenset({PUBLIC}), frozenset({Scope.UPLOAD}), frozenset({"astro", "bio"}))


def signed_for(*groups: str) -> AcceptedEntry:
    rights = (Term(dcterms("accessRights"), "private"),) if groups else ()
    return accepted(terms=(*rights, *(Term(dcterms("audience"), group) for group in groups)))


def test_an_upload_to_a_group_and_a_publication_are_on_record_with_who_did_it() -> None:
    entry = accepted()
    path, details = entry.coordinates.path(), {"group": "astro", "entry": entry.entry_id}
    upload = OwedRecord("jane", "entry.upload", path, details)
    assert ToGroup("astro", JANE)(entry) == Address(group_log("astro"), upload)
    publish = OwedRecord("jane", "entry.publish", path, {"entry": entry.entry_id})
    assert ToEverybody(JANE)(entry) == Address(PUBLIC, publish)


@pytest.mark.parametrize(
    ("groups", "log"),
    [((), PUBLIC), (("astro",), group_log("astro")), (("astro", "bio"), PUBLIC), (("other",), PUBLIC)],
)
def test_an_entry_goes_to_the_one_group_of_the_uploader_that_it_is_signed_for(
    groups: tuple[str, ...], log: str
) -> None:
    assert AsSigned(JANE)(signed_for(*groups)).log == log


def test_only_one_module_says_what_is_on_record_of_an_upload() -> None:
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "marketplace").rglob("*.py")
        if "OwedRecord(" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("OwedRecord")
    }
    assert makers == {"marketplace/ingest/addressing.py"}
