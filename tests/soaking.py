"""The report of ``make soak``: what each fault did to the sites it was tried on, as a page of docs/."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

#: Name under which a test's outcome travels with its report.
PROPERTY = "outcome"

HEAD = """# Faults

Written by `make soak`: real server processes, each fault in its long form. *Acknowledged* entries
were confirmed to those who uploaded them; *lost* ones are missing at some site afterwards, *doubled*
ones stand in some log twice. *Equal after* is the time from the end of the fault (or of the load)
until every site held the same set. A test that fails is in the table as such. A row tells of the
last run of its test, and of which commit: `make soak ONLY=fuzz` runs, and writes, only some.

Written on {cores} cores, Python {python}, {system}.

| what is tried | repetitions | acknowledged | lost | doubled | equal after | took | run (UTC, commit) |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

#: Tells what became of a fault; see ``tell_outcome``.
Tell = Callable[..., None]


def tell_outcome(record: Callable[[str, object], None]) -> Tell:
    """What a test calls to have figures in its row of the report."""

    def tell(
        repetitions: int,
        acknowledged: int | None = None,
        lost: int | None = None,
        doubled: int | None = None,
        seconds: float | None = None,
        note: str = "",
    ) -> None:
        told = {
            "note": note,
            "repetitions": repetitions,
            "acknowledged": acknowledged,
            "lost": lost,
            "doubled": doubled,
            "seconds": seconds,
        }
        record(PROPERTY, told)

    return tell


def row(report: pytest.TestReport, run: str) -> tuple[str, ...]:
    """The cells of a line of the table; the first one is the name of the test, in words.

    Args:
        run: when it was run, and of which commit.
    """
    told: dict[str, Any] = dict(report.user_properties).get(PROPERTY, {})
    fault = report.nodeid.rpartition("::test_")[2].partition("[")[0].replace("_", " ")
    if report.skipped:
        return (fault, f"not run: {_reason(report)}", "", "", "", "", "", run)
    seconds = told.get("seconds")
    return (
        fault,
        "; ".join(filter(None, (_cell(told.get("repetitions")), told.get("note")))),
        _cell(told.get("acknowledged")),
        _cell(told.get("lost")),
        _cell(told.get("doubled")),
        "" if seconds is None else f"{seconds:.1f} s",
        f"{report.duration:.0f} s" if report.passed else "**failed**",
        run,
    )


def page(reports: Iterable[pytest.TestReport], before: str, run: str) -> str:
    """The whole report.

    Args:
        before: the report as it was; its rows stay where these reports are of other tests.
        run: when these were run, and of which commit.
    """
    head = HEAD.format(cores=os.cpu_count(), python=platform.python_version(), system=platform.system())
    lines = [line for line in before.splitlines() if line.startswith("| ")][2:]
    rows = {cells[0]: cells for cells in (tuple(line[2:-2].split(" | ")) for line in lines)}
    rows |= {cells[0]: cells for cells in (row(report, run) for report in reports)}
    return head + "".join(f"| {' | '.join(rows[fault])} |\n" for fault in sorted(rows))


def this_run() -> str:
    """When, and the commit that is checked out, with a plus where files differ from it."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {commit or 'unknown'}"


class SoakReport:
    """Gathers what a run of tests reports, and writes the page at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._run = this_run()
        self._reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of each test, or of the set-up that failed or left it out."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self._reports.append(report)

    def pytest_sessionfinish(self) -> None:
        """Write the page, also after failures: those are what it is for."""
        if self._reports:
            before = self._path.read_text() if self._path.exists() else ""
            self._path.write_text(page(self._reports, before, self._run))


def _cell(value: int | None) -> str:
    return "" if value is None else f"{value:,}".replace(",", " ")


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "skipped"
