"""Words that could stand for many things have one meaning in public names: the table of docs/changing.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.launching import ROOT

PAGE = (ROOT / "docs" / "changing.md").read_text(encoding="utf-8")
#: What other programs use as it is.
USED_ELSEWHERE = ("marketplace/client/", "marketplace/_vendor/", "validators/policy/codes.py")


def table() -> dict[str, tuple[str, ...]]:
    """The parts in whose names each word may stand."""
    _, _, rows = PAGE.partition("| word | its one meaning in a name |")
    found = {}
    for row in re.findall(r"^\| (\w+) \|[^|]*\|([^|]*)\|", rows, re.MULTILINE):
        found[row[0]] = tuple(re.findall(r"`([^`]+)`", row[1]))
    return found


def public_names(source: str) -> Iterator[tuple[int, str]]:
    """Each public name of a module with its line: functions, constants, classes, methods and attributes."""
    open_bodies = [ast.parse(source).body]
    while open_bodies:
        for node in open_bodies.pop():
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                names = [
                    one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)
                ]
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                open_bodies.append(node.body)
            yield from ((node.lineno, name) for name in names if not name.startswith("_"))


def words_of(name: str) -> set[str]:
    """``ChangeRow`` is made of change and row, ``told_at`` of told and at."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


@cache
def names() -> tuple[tuple[str, int, str], ...]:
    """Each public name of the code with its file and line."""
    return tuple(find_names())


def find_names() -> Iterator[tuple[str, int, str]]:
    for package in ("marketplace", "validators"):
        for path in sorted((ROOT / package).rglob("*.py")):
            inside = path.relative_to(ROOT).as_posix()
            if inside.startswith(USED_ELSEWHERE):
                continue
            folder = Path(inside).with_suffix("")
            yield inside, 0, folder.parent.name if folder.name == "__init__" else folder.name
            yield from ((inside, *found) for found in public_names(path.read_text(encoding="utf-8")))


def test_ambiguous_words_stand_only_in_names_of_the_parts_that_have_their_meaning() -> None:
    parts = table()
    assert len(parts) >= 14
    faults = [
        f"{path}:{line}: {name}: docs/changing.md says where {word!r} may stand, and what is written instead"
        for path, line, name in names()
        for word in words_of(name) & parts.keys()
        if not path.startswith(parts[word])
    ]
    assert not faults, "\n".join(faults)


def test_no_part_stands_in_the_table_in_vain() -> None:
    used = {(word, path) for path, _, name in names() for word in words_of(name)}
    for word, parts in table().items():
        for part in parts:
            assert any(path.startswith(part) for one, path in used if one == word), (word, part)


def test_names_are_found_wherever_they_are_made() -> None:
    source = (
        "PLACE = 1\nclass Shown:\n    told_at: int\n    def feed(self): ...\n    def _said(self): held = 1\n"
    )
    assert sorted(name for _, name in public_names(source)) == ["PLACE", "Shown", "feed", "told_at"]
