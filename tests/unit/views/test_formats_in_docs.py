"""Every format has a row in docs/dialects.md: who reads it, what it needs, and what holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.views.dialects import DIALECTS, Dialect
from tests.dialects.made import view_of

DOCS = Path(__file__).parents[3] / "docs" / "dialects.md"
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
