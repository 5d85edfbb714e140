"""docs/changing.md names files that exist, and its glossary the words and classes of the code."""

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


def glossary() -> list[tuple[str, str, str]]:
    """Each word with the name that has its meaning in the code, and the file of that name."""
    return re.findall(r"^\| ([^|]+) \| [^|]+ \| `(\w+)` in `([^`]+)` \|$", PAGE, re.MULTILINE)


def test_each_word_of_the_glossary_has_a_class_or_function_in_the_code() -> None:
    words = glossary()
    assert len(words) >= 40
    assert PAGE.partition("| word |")[2].partition("\n\n")[0].count("\n| ") == len(words) + 1, (
        "a row without a name in the code"
    )
    for word, name, path in words:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(class|def) {name}\b", text, re.MULTILINE), (word, name, path)
        plain = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower()
        assert word.partition(" on ")[0] in plain, f"{path} does not speak of a {word}"


def test_no_word_stands_twice_in_the_glossary() -> None:
    words = [word for word, _, _ in glossary()]
    assert sorted(set(words)) == sorted(words)
