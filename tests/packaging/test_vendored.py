"""The copied modules are those of the release that requirements.lock names."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from tests.launching import ROOT
from tests.packaging.vendoring import COPIED, VENDORED, copies


def test_the_copies_are_the_released_files() -> None:
    made = copies()
    kept = {
        path.relative_to(VENDORED).as_posix(): path.read_bytes()
        for path in VENDORED.rglob("*")
        if path.is_file() and path.parent != VENDORED and "__pycache__" not in path.parts
    }
    assert kept.keys() == made.keys()
    assert [path for path in made if kept[path] != made[path]] == [], "run make vendor"


@pytest.mark.parametrize("name", COPIED)
def test_the_release_is_the_locked_one(name: str) -> None:
    """So that an audit of the lock file tells of an advisory about the copy."""
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (pinned,) = re.findall(rf"^{name.replace('.', '-')}==([^ ;\\]+)", locked, re.M)
    assert version(name) == pinned


def test_only_imports_are_changed() -> None:
    """Each changed line is an import of the library's own."""
    for package, files in COPIED.values():
        for file in files:
            lines = (VENDORED / package / file).read_text(encoding="utf-8").splitlines()
            moved = [line for line in lines if "marketplace" in line]
            assert all(line.startswith(f"from marketplace._vendor.{package}") for line in moved), moved
