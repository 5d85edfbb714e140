"""Rows of the database become values by the names of their columns: a field that moves must move no value."""

from __future__ import annotations

import ast

from tests.launching import ROOT

#: Classes that are made from a tuple as it is, and why that cannot shift a value.
BY_POSITION = {
    ("marketplace/catalogue/snapshot.py", "Stand"): "kept on disk under a version of the format",
    ("marketplace/catalogue/logs.py", "Stand"): "kept on disk under a version of the format",
    ("marketplace/entries/endorsers.py", "EndorserRow"): "the key of a counter that the same module makes",
    ("marketplace/entries/listing.py", "Coordinates"): "what a query names, not a row",
    ("marketplace/entries/rows.py", "EntryRow"): "its columns are put in the order of its fields",
    ("marketplace/entries/rows.py", "StoredVerdict"): "its columns are put in the order of its fields",
    ("marketplace/peers/pull/page_records.py", "Rejected"): "code and sentence of one error",
    (
        "marketplace/search/postgresql_engine.py",
        "Position",
    ): "kept in an index of one version of the format",
    ("marketplace/search/service.py", "CurrentKeys"): "one pair of sets from the catalogue",
    ("marketplace/search/tantivy_engine.py", "Position"): "kept in an index of one version of the format",
    ("marketplace/search/whoosh_reading.py", "ListMatcher"): "ids and weights of one posting list",
    ("marketplace/search/whoosh_engine.py", "Position"): "kept in an index of one version of the format",
    ("marketplace/trust/verdicts.py", "_VerdictValues"): "its columns are put in the order of its fields",
}


def test_no_row_becomes_a_value_by_the_order_of_its_columns() -> None:
    found = set()
    for path in (ROOT / "marketplace").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not any(isinstance(one, ast.Starred) for one in node.args):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name.lstrip("_")[:1].isupper() and not name.endswith("Error"):
                found.add((path.relative_to(ROOT).as_posix(), name))
    assert found - BY_POSITION.keys() == set(), "name the values: Value(**row._mapping)"
    assert BY_POSITION.keys() - found == set(), "an exception that nothing needs"
