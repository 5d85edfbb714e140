"""The pages for publishers say what the code does: every term, every code, the example, the limits."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.cli.application import COMMANDS
from marketplace.publishing.locations import _CODES
from marketplace.publishing.statement import STOPPING
from marketplace.publishing.terms import COMMON
from tests.factories.identities import make_identity
from validators import accept
from validators import vocabulary as v
from validators.identifier import identifier_from_sha1
from validators.lint.advice import RULES
from validators.prescan import LIMITS
from validators.signing import sign

DOCS = Path(__file__).parent.parent.parent / "docs"
PUBLISHING = (DOCS / "publishing.md").read_text(encoding="utf-8")
FORMAT = (DOCS / "format.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_code_of_advice_is_explained_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z0-9.-]+)` \|", section(PUBLISHING, "Advice"), re.M)
    assert set(listed) == {*RULES, *_CODES.values(), *STOPPING}
    assert len(listed) == len(set(listed))


def test_every_term_and_every_option_is_in_the_table() -> None:
    table = section(PUBLISHING, "What an entry contains")
    for name in v.OPTIONAL:
        assert f"`{v.prefixed(name)}`" in table, name
    for term in COMMON:
        assert f"`--{term.name}`" in table, term.name


def test_every_optional_element_is_in_the_format() -> None:
    table = section(FORMAT, "6. Optional elements")
    for name in v.OPTIONAL:
        local = name.rpartition("}")[2]
        assert f"`{v.prefixed(name)}`" in table or f"`{local}`" in table, name
    for name in v.SINGLE:
        assert re.search(rf"`(slterms:)?{name.rpartition('}')[2]}` 1", table), name


def test_the_limits_of_the_format_are_those_of_the_code() -> None:
    numbers = {
        int(one.replace(" ", ""))
        for one in re.findall(r"[0-9][0-9 ]*", section(FORMAT, "2. Reading the bytes (step 1)"))
    }
    for field in LIMITS.__dataclass_fields__:
        assert getattr(LIMITS, field) in numbers, field


def test_the_worked_example_works() -> None:
    sha1 = hashlib.sha1(b"hello\n").hexdigest()
    bits = f"{int(sha1, 16):0162b}"
    example = section(PUBLISHING, "The identifier")
    assert sha1 in example
    assert identifier_from_sha1(sha1) in example
    assert " ".join(bits[place : place + 6] for place in range(0, 36, 6)) in example
    assert ", ".join(str(int(bits[place : place + 6], 2)) for place in range(0, 36, 6)) in example


def test_the_smallest_document_can_be_signed() -> None:
    document = FORMAT.partition("```xml\n")[2].partition("```")[0]
    entry = accept(sign(document.encode(), make_identity().signing, datetime(2026, 5, 1, tzinfo=UTC)))
    assert entry.metadata.size == len(b"hello\n")


@pytest.mark.parametrize("page", [PUBLISHING, FORMAT], ids=["publishing", "format"])
def test_commands_and_links_exist(page: str) -> None:
    commands = re.findall(r"(?:`|^|\$ )marketplace ([a-z-]+)", page, re.M)
    assert commands
    assert set(commands) <= set(COMMANDS)
    for target in re.findall(r"\]\(([a-z]+\.md)", page):
        assert (DOCS / target).exists(), target
