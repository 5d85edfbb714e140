"""Every format has a row in docs/dialects.md: who reads it, what it needs, and what holds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketplace.views.dialects import DIALECTS, Dialect
from tests.dialects.made import view_of

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "dialects.md"
#: How rows of the table begin.
FIRST = ("| `", "| the pages ")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCS.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_a_format_has_its_row(dialect: Dialect) -> None:
    paths = [one.path for one in dialect.entrances(view_of())]
    rows = [cells for cells in ROWS if any(path in cells[0] for path in paths)]
    assert rows, f"{dialect.name}: {', '.join(paths)} is in no row of the table"
    for cells in rows:
        assert len(cells) == 4 and all(cells), f"a cell of the row of {cells[0]} is empty"


def test_each_row_names_the_tests_that_hold_it() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(FIRST)]
    assert len(rows) >= len(ROWS)
    for line in rows:
        path = re.findall("`([^`]+)`", line)[0]
        names = re.findall("`(tests/[^`]+)`", line.strip("|").split("|")[-1])
        assert names, f"the row of {path} names no test"
        # What stands in place of an identifier, and arguments, are no part of a path that a test asks for.
        asked = re.split(r"[?]|ID/", path)[0]
        held = "".join((ROOT / one).read_text(encoding="utf-8") for one in names)
        lacking = [part for part in asked.split("/") if part not in held]
        assert not lacking, f"{', '.join(names)}: does not ask for {asked}"
