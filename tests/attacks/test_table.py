"""The table of attacks in the documentation is the one that the tests run."""

from __future__ import annotations

import re

from tests.attacks.table import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.attacks.table"


def test_every_test_that_the_page_names_is_there() -> None:
    root = PAGE.parent.parent
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page())
    assert len(named) > 10
    for path, name in named:
        assert f"def {name}(" in (root / path).read_text(encoding="utf-8"), f"{path} has no {name}"
