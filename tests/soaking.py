"""The report of ``make soak``: what each fault did to the sites it was tried on, as a page of docs/."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

#: Name under which a test's outcome travels with its report.
PROPERTY = "outcome"

HEAD = """# Faults

Written by `make soak`: real server processes, each fault in its long form. *Acknowledged* entries
were confirmed to whoever uploaded them; *lost* ones are missing at some site afterwards, *doubled*
ones stand in some log twice. *Equal after* is the time from the end of the fault (or of the load)
until every site held the same set. A test that fails is in the table as such.

Run on {when:%Y-%m-%d %H:%M} UTC, {cores} cores (load {load:.1f}), Python {python}, {system}.

| fault | repetitions | acknowledged | lost | doubled | equal after | took |
| --- | --- | --- | --- | --- | --- | --- |
"""

#: Tells what became of a fault; see ``tell_outcome``.
Tell = Callable[..., None]


def tell_outcome(record: Callable[[str, object], None]) -> Tell:
    """What a test calls to have a row of its own in the report."""

    def tell(
        fault: str,
        repetitions: int,
        acknowledged: int | None = None,
        lost: int | None = None,
        doubled: int | None = None,
        seconds: float | None = None,
    ) -> None:
        told = {
            "fault": fault,
            "repetitions": repetitions,
            "acknowledged": acknowledged,
            "lost": lost,
            "doubled": doubled,
            "seconds": seconds,
        }
        record(PROPERTY, told)

    return tell


def row(report: pytest.TestReport) -> str:
    """A line of the table."""
    told: dict[str, Any] = dict(report.user_properties).get(PROPERTY, {})  # type: ignore[assignment]
    fault = told.get("fault") or report.nodeid.rpartition("::")[2].partition("[")[0].replace("_", " ")
    if report.skipped:
        return f"| {fault} | not run: {_reason(report)} | | | | | |"
    seconds = told.get("seconds")
    cells = [
        fault,
        _cell(told.get("repetitions")),
        _cell(told.get("acknowledged")),
        _cell(told.get("lost")),
        _cell(told.get("doubled")),
        "" if seconds is None else f"{seconds:.1f} s",
        f"{report.duration:.0f} s" if report.passed else "**failed**",
    ]
    return f"| {' | '.join(cells)} |"


def page(reports: Iterable[pytest.TestReport]) -> str:
    """The whole report."""
    head = HEAD.format(
        when=datetime.now(UTC),
        cores=os.cpu_count(),
        load=os.getloadavg()[2],
        python=platform.python_version(),
        system=platform.system(),
    )
    return head + "".join(f"{row(report)}\n" for report in reports)


class SoakReport:
    """Gathers what a run of tests reports, and writes the page at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of each test, or of the set-up that failed or left it out."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self._reports.append(report)

    def pytest_sessionfinish(self) -> None:
        """Write the page, also after failures: those are what it is for."""
        if self._reports:
            self._path.write_text(page(self._reports))


def _cell(value: int | None) -> str:
    return "" if value is None else f"{value:,}".replace(",", " ")


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "skipped"
