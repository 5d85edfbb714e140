"""The first line of a public docstring tells a stranger what the thing is, without the file around it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Beginnings that point to something else on the page.
DEPENDENT = re.compile(
    r"(It|Its|They|Them|Their|Those|Likewise|Such|The same|The other|Others|One of them|One did|Of) "
)
#: A question of few words names nothing that a reader could look up.
QUESTION = re.compile(r"(What|Where|Who|Which|How)\b")
FEW = 5


def first_lines() -> Iterator[tuple[str, str]]:
    """The place and the first line of the docstring of every public module, class and function."""
    for path in sorted([*ROOT.glob("marketplace/**/*.py"), *ROOT.glob("validators/**/*.py")]):
        if "_vendor" not in path.parts:
            name = str(path.relative_to(ROOT))
            yield from _lines(ast.parse(path.read_text(encoding="utf-8")), name)


def _lines(node: ast.Module | ast.ClassDef | ast.FunctionDef, place: str) -> Iterator[tuple[str, str]]:
    if text := ast.get_docstring(node):
        yield place, text.splitlines()[0]
    if isinstance(node, ast.FunctionDef):
        return
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and not inner.name.startswith("_"):
            yield from _lines(inner, f"{place}:{inner.name}")


def is_dependent(line: str) -> bool:
    return bool(DEPENDENT.match(line) or (QUESTION.match(line) and len(line.split()) < FEW))


def test_lines_that_need_the_file_are_found() -> None:
    lines = [
        "Its key, once it is stored.",
        "Of a current entry.",
        "What was found.",
        "The same order, reversed.",
    ]
    assert all(is_dependent(line) for line in lines)
    assert not is_dependent("The key of an entry, once the entry is stored.")


def test_no_first_line_needs_the_file_around_it() -> None:
    lines = list(first_lines())
    assert len(lines) > 4000
    assert [f"{place}: {line}" for place, line in lines if is_dependent(line)] == []
