"""docs/changing.md names files that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "changing.md").read_text(encoding="utf-8")


def test_every_file_and_name_exists() -> None:
    paths = set(re.findall(r"`((?:marketplace|validators|tests|docs|alembic)/[^`]*)`", PAGE))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_names_stand_in_the_file_before_them() -> None:
    named = re.findall(r"`([a-z_/]+\.py)` \(`(\w+)`\)", PAGE)
    assert len(named) >= 5
    for path, name in named:
        assert re.search(rf"^{name}\b|^class {name}\b", (ROOT / path).read_text(), re.MULTILINE), (path, name)
