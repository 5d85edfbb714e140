"""The comparison with other catalogues claims what tests hold."""

from __future__ import annotations

import re

from tests.launching import ROOT

CLAIM = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_claim_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    for row in rows:
        claims = CLAIM.findall(row.split("|")[5])
        assert claims, row
        for file, name in claims:
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), (file, name)
