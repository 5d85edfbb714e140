"""Sentences that people read keep to plain English: turns that readers stumbled over do not come back.

Looked through are the texts in the code, other than docstrings and the events of the log, which keep their
names; and the prose of the documentation. What a turn is written as instead stands beside it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import ROOT

#: Turn -> plain words.
TURNS = {
    r"(?i)(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b)(?=[a-zA-Z])": "is not a(n) ...",
    r"\bfor ever\b": "permanently",
    r"\blook(?:s|ed)? after\b": "manage",
    r"\bas (?:it|they) should\b": "correctly; or name the fault",
    r"\btold apart\b": "distinguished",
    r"\bwithout an? end\b": "without an expiry date",
    r"\bstands? by (?:the|an|this|that) (?:entry|endorser|image)": "trusts; endorses",
    r"\b(?:is|are) not believed\b": "is refused; is ignored",
    r"\bof no use\b": "cannot be used",
    r"\bonce more\b": "again",
    r"\bupon\b": "on; about",
    r"\bwithout a word\b": "silently; without an error",
    r"\bnobody but\b": "only",
    r"\bin want of\b": "without",
    r"(?i)\bwhoever\b": "anybody who; people who; no matter who",
    r"\bholds (?:for|to|against|what|this|each|every|no words|everywhere)\b": "applies to; checks; has",
}
_LOGGING = {"debug", "info", "warning", "error", "exception", "critical"}


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Each text of a module with its line: no docstring, no event of the log."""
    tree = ast.parse(source)
    passed: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            passed |= {id(one.value) for one in body if isinstance(one, ast.Expr)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGGING:
            passed |= {id(one) for one in node.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, " ".join(node.value.split())


def turns_in(text: str) -> list[str]:
    return [
        f"{found[0]!r} in {text!r}: {plain}"
        for turn, plain in TURNS.items()
        if (found := re.search(turn, text)) is not None
    ]


@pytest.mark.parametrize("package", ["marketplace", "validators"])
def test_texts_of_the_code_are_plain(package: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {turn}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in texts_of(path.read_text(encoding="utf-8"))
        for turn in turns_in(text)
    ]
    assert not faults, "\n".join(faults)


def test_templates_are_plain() -> None:
    faults = [
        f"{path.name}: {turn}"
        for path in sorted((ROOT / "marketplace").rglob("*.jinja2"))
        for turn in turns_in(" ".join(path.read_text(encoding="utf-8").split()))
    ]
    assert not faults, "\n".join(faults)


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_the_documentation_is_plain(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|<!-- lies: .*?<!-- end of lies -->", "", written, flags=re.S)
    faults = [turn for part in prose.split("\n\n") for turn in turns_in(" ".join(part.split()))]
    assert not faults, "\n".join(faults)


def test_a_turn_is_found_wherever_it_is_written() -> None:
    module = """def f():
    'It is no docstring that counts.'
    _logger.info("nor is no event")
    raise E("x is no list")
"""
    found = [turn for _, text in texts_of(module) for turn in turns_in(text)]
    assert len(found) == 1 and "x is no list" in found[0]
    assert not turns_in("there is no such entry; it is no longer valid")


#: Nouns that commands and logs count. A number before the form for several is wrong where it is 1.
NOUNS = (
    "anchors|attempts|bodies|copies|documents|entries|files|images|logs|mails|marketplaces|migrations|"
    "receipts|revocation lists|rows|sites|statements|uploads|views"
)
COUNTED = re.compile(rf"^ (?:[a-z]+ ){{0,2}}?(?:{NOUNS})\b")
COUNTED_IN_A_LOG = re.compile(rf"%d (?:[a-z]+ ){{0,2}}?(?:{NOUNS})\b")


def miscounts_in(source: str) -> Iterator[int]:
    """The lines where a number stands before a noun without ``counted`` (or ``nouns: number``)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for number, after in zip(node.values, node.values[1:], strict=False):
                if (
                    isinstance(number, ast.FormattedValue)
                    and isinstance(after, ast.Constant)
                    and COUNTED.match(str(after.value))
                    and not ast.unparse(number.value).isupper()  # a bound, and never 1
                ):
                    yield node.lineno
        elif isinstance(node, ast.Constant) and COUNTED_IN_A_LOG.search(str(node.value)):
            yield node.lineno


def test_a_number_and_its_noun_agree() -> None:
    commands = {*(ROOT / "marketplace" / "cli").rglob("*.py")}
    faults = [
        f"{path.relative_to(ROOT)}:{line}: write counted(number, 'image')"
        for path in sorted((ROOT / "marketplace").rglob("*.py"))
        for line in miscounts_in(path.read_text(encoding="utf-8"))
        if path in commands or "%d" in path.read_text(encoding="utf-8").splitlines()[line - 1]
    ]
    assert not faults, "\n".join(faults)


def test_a_miscount_is_found_in_a_sentence_and_in_a_log() -> None:
    module = """
log.info("trust: %d anchors", len(held))
echo(f"{len(rows)} log rows verified")
echo(f"at most {MOST} images")
echo(f"{counted(len(rows), 'row')} verified, images: {len(images)}")
"""
    assert list(miscounts_in(module)) == [2, 3]
