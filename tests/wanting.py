"""Tells how many tests did not run because something is missing here that they need."""

from __future__ import annotations

import pytest

#: Why tests of the original documents are skipped where there are none.
NO_ORIGINALS = "needs the original documents in ../shared/fixtures, which are not part of this repository"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it in a line of its own: a run without them proves less than it seems to."""
    skipped = terminalreporter.stats.get("skipped", ())
    # Of a skipped report this is where, which line, and why.
    lacking = sum(isinstance(one.longrepr, tuple) and NO_ORIGINALS in one.longrepr[2] for one in skipped)
    if lacking:
        terminalreporter.write_line(
            f"{lacking} tests did not run: there are no original documents in ../shared/fixtures",
            yellow=True,
            bold=True,
        )
