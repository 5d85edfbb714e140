"""The options of the test run itself: what did not run is counted, and counterexamples are shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

SKIPPING = """
import pytest
from tests.wanting import NO_ORIGINALS

@pytest.mark.parametrize("number", range(3))
def test_of_originals(number):
    pytest.skip(NO_ORIGINALS)

def test_of_something_else():
    pytest.skip("needs a printer")
"""
FAILING = """
from hypothesis import given, strategies

@given(strategies.integers())
def test_of_numbers(number):
    assert number < 1000
"""


def run(folder: Path, text: str, *options: str) -> str:
    """What a run of pytest with the project's settings prints about a file of tests."""
    file = folder / "test_made.py"
    file.write_text(text, encoding="utf-8")
    call = [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "--rootdir", folder, file]
    plain = ["-p", "no:cacheprovider", "-p", "no:xdist", *options]
    done = subprocess.run([*call, *plain], cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.stdout


def test_what_lacks_the_original_documents_is_counted_in_a_line_of_its_own(tmp_path: Path) -> None:
    told = run(tmp_path, SKIPPING, "-p", "tests.wanting")
    assert "3 tests did not run: there are no original documents in ../shared/fixtures\n" in told
    assert "4 skipped" in told


def test_a_counterexample_is_shown_with_its_values(tmp_path: Path) -> None:
    assert "number=1000" in run(tmp_path, FAILING)
