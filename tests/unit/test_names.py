"""Each public class of the project has a name of its own, so that a name says which one is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Folders whose classes may have the name of another one, each with the reason.
NAMED_ELSEWHERE = {
    "marketplace/_vendor": "copies of other projects' modules keep the names that they came with",
    "marketplace/api/shapes": "a shape has the name of its schema in OpenAPI, which clients know",
}


def public_classes() -> dict[str, list[str]]:
    """The modules that define each public class at their top level, by the name of the class."""
    found = defaultdict(list)
    for path in sorted([*ROOT.glob("marketplace/**/*.py"), *ROOT.glob("validators/**/*.py")]):
        if any((ROOT / folder) in path.parents for folder in NAMED_ELSEWHERE):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_two_public_classes_have_one_name() -> None:
    assert {name: modules for name, modules in public_classes().items() if len(modules) > 1} == {}


def test_the_folders_that_are_excepted_are_there() -> None:
    assert [folder for folder in NAMED_ELSEWHERE if not (ROOT / folder).is_dir()] == []
