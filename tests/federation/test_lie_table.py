"""The table of lies in the documentation is the one that the tests run."""

from __future__ import annotations

from tests.federation.lie_table import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.federation.lie_table"
